import { expect, test, vi } from 'vitest'
import { encodeCaption } from '../../../src/core/model/caption.ts'
import type { PostKind } from '../../../src/core/ports/records.ts'
import { MiB } from '../../../src/lib/units.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import {
  botOf,
  createFile,
  createRequest,
  startGateway,
  userOf,
} from '../../telegram/mtproto/setup.ts'

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

test('of two files of one name and size each is found by the line in its caption', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  const file = createFile(MiB)
  const [mine, other] = ['a', 'b'].map((digit) => captionOf(digit.repeat(32)))
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' }, times: 1 })

  const lost = gateway.finish(createRequest(credentials, file, { caption: mine ?? '' }))
  await vi.waitFor(async () => expect(await telegram.messages(account.channelId)).toHaveLength(1))
  const later = await gateway.finish(createRequest(credentials, file, { caption: other ?? '' }))
  const found = await lost

  const messages = await telegram.messages(account.channelId)
  expect(messages.map(({ id, caption }) => [id, caption])).toEqual([
    [found.messageId, mine],
    [later.messageId, other],
  ])
})

test('a lost file that the Bot API has renamed is found by its caption', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' }, times: 1 })
  // Names cannot have half characters; others are cut or cleaned by Telegram's own servers.
  const file = createFile(MiB, { name: 'half \ud800.bin' })

  const posted = await gateway.finish(createRequest(credentials, file))

  const messages = await telegram.messages(account.channelId)
  expect(messages).toMatchObject([{ id: posted.messageId, fileName: 'half \ufffd.bin' }])
})

test('of two volumes of one size each is found by its own line', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  const file = createFile(MiB)
  const [first, second] = [1, 2].map((volume) => captionOf('a'.repeat(32), { volume, of: 2 }))
  await gateway.finish(createRequest(credentials, file, { caption: first ?? '' }))
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop' }, times: 1 })

  const posted = await gateway.finish(createRequest(credentials, file, { caption: second ?? '' }))

  const messages = await telegram.messages(account.channelId)
  expect(messages.map(({ caption }) => caption)).toEqual([first, second])
  expect(posted.messageId).toBe(messages[1]?.id)
})

test('a small document that is to be posted once goes by MTProto', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }

  await gateway.finish(createRequest(credentials, createFile(MiB), { exactlyOnce: true }))

  expect(telegram.counters.read().methods['bot:sendDocument']).toBeUndefined()
  expect(await telegram.messages(account.channelId)).toHaveLength(1)
})

test.each(['user', 'bot'] as const)(
  'what a bot alone has posted is found by the %s whose API id came later',
  async (actor) => {
    const telegram = await startTelegram()
    const { account } = telegram
    const alone = { ...botOf(account), apiId: null, apiHash: null }
    const file = createFile(MiB)
    const death = new AbortController()
    const first = createRequest(alone, file, { exactlyOnce: true, signal: death.signal })
    telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' }, times: 1 })
    // It dies before its second try.
    telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'silence' }, after: 1 })
    const dying = startGateway(telegram).gateway
    const died = expect(dying.finish(first)).rejects.toThrow('killed')
    await vi.waitFor(async () => expect(await telegram.messages(account.channelId)).toHaveLength(1))
    death.abort(new Error('killed'))
    await died

    const credentials = actor === 'user' ? userOf(account) : botOf(account)
    const { journal } = first
    const again = createRequest(credentials, file, { journal, exactlyOnce: true })
    const posted = await startGateway(telegram).gateway.finish(again)

    const messages = await telegram.messages(account.channelId)
    expect(messages.map(({ id }) => id)).toEqual([posted.messageId])
  },
)

test('a malformed session does not keep a small file from the Bot API', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = {
    ...userOf(account),
    session: 'this-is-no-session',
    botToken: account.botToken,
  }

  await gateway.finish(createRequest(credentials, createFile(MiB)))

  expect(await telegram.messages(account.channelId)).toHaveLength(1)
  const large = createRequest(credentials, createFile(51 * MiB))
  await expect(gateway.finish(large)).rejects.toMatchObject({
    code: 'TELEGRAM_SESSION_INVALID',
    message: 'Telegram session not authorized',
  })
})

function captionOf(id: string, kind: PostKind = 'file'): string {
  const unknown = { folderId: null, modifiedAt: null, sha256: null, crc32: null }
  return encodeCaption({ id, kind, name: 'file.bin', ...unknown })
}
