import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { createFile, createRequest, startGateway, userOf } from './setup.ts'

const signal = new AbortController().signal

test('a small file goes by the Bot API and is read as the user', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  const file = createFile(3 * MiB)

  const posted = await gateway.finish(createRequest(credentials, file))

  expect(telegram.counters.read().methods['upload.saveFilePart']).toBeUndefined()
  const document = await gateway.locate(credentials, posted.messageId, signal)
  expect(document).toMatchObject({ size: file.size, fileName: file.name })
})

test('a file that the Bot API finds too large goes by MTProto', async () => {
  const telegram = await startTelegram({ settings: { botApiUploadLimit: 2 * MiB } })
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }

  const posted = await gateway.finish(createRequest(credentials, createFile(3 * MiB)))

  const messages = await telegram.messages(account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([posted.messageId])
  expect(telegram.counters.read().methods['upload.saveFilePart']?.calls).toBe(6)
})

test('a file that went on by MTProto is posted once, though the worker dies before the answer', async () => {
  const telegram = await startTelegram({ settings: { botApiUploadLimit: 2 * MiB } })
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  const death = new AbortController()
  const file = createFile(3 * MiB)
  const first = createRequest(credentials, file, { signal: death.signal })
  telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'lose-answer' }, times: 1 })

  const dying = startGateway(telegram).gateway
  const died = expect(dying.finish(first)).rejects.toThrow('killed')
  const arrived = async () => expect(await telegram.messages(account.channelId)).toHaveLength(1)
  await vi.waitFor(arrived)
  death.abort(new Error('killed'))
  await died
  await dying.close()

  const { journal } = first
  const posted = await startGateway(telegram).gateway.finish(
    createRequest(credentials, file, { journal }),
  )

  const messages = await telegram.messages(account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([posted.messageId])
})

test("a Bot API post whose answer is lost is found through the user's session", async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' }, times: 1 })

  const posted = await gateway.finish(createRequest(credentials, createFile(3 * MiB)))

  const messages = await telegram.messages(account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([posted.messageId])
})

test('a malformed session does not keep a small file from the Bot API', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), session: 'nonsense', botToken: account.botToken }

  await gateway.finish(createRequest(credentials, createFile(MiB)))

  expect(await telegram.messages(account.channelId)).toHaveLength(1)
  const large = createRequest(credentials, createFile(51 * MiB))
  await expect(gateway.finish(large)).rejects.toMatchObject({
    code: 'TELEGRAM_SESSION_INVALID',
    message: 'Telegram session not authorized',
  })
})
