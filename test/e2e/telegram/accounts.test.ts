import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import {
  botOf,
  createFile,
  createRequest,
  expectedHash,
  hashOf,
  startGateway,
  userOf,
} from '../../telegram/mtproto/setup.ts'

const signal = new AbortController().signal

test('a Telethon session and a gramjs session of one key share one client', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const gramjs = createRequest(userOf(account), createFile(12 * MiB, { seed: 1 }))
  const telethon = createRequest(
    { ...userOf(account), session: account.telethonSession },
    createFile(12 * MiB, { seed: 2 }),
  )

  const posted = await Promise.all([gateway.finish(gramjs), gateway.finish(telethon)])

  expect(new Set(posted.map(({ messageId }) => messageId)).size).toBe(2)
  const counters = telegram.counters.read()
  expect(counters.connectionsOpened['2']).toBe(1)
  expect(Object.values(counters.mainConnectionsPeak)).toEqual([1])
  expect(counters.keysKilled).toBe(0)
})

test('uploads and downloads in parallel never make Telegram kill the key', async () => {
  const telegram = await startTelegram({ settings: { latencyMs: 20 } })
  const { gateway } = startGateway(telegram)
  const credentials = userOf(telegram.account)
  const first = createFile(11 * MiB, { seed: 9 })
  const posted = await gateway.finish(createRequest(credentials, first))
  const document = await gateway.locate(credentials, posted.messageId, signal)

  const uploads = [1, 2, 3].map((seed) =>
    gateway.finish(createRequest(credentials, createFile(14 * MiB, { seed }))),
  )
  const downloads = [1, 2, 3].map(() => hashOf(gateway, document))
  const [hashes] = await Promise.all([Promise.all(downloads), Promise.all(uploads)])

  expect(hashes).toEqual(Array(3).fill(expectedHash(first, 9)))
  const counters = telegram.counters.read()
  expect(counters).toMatchObject({ keysKilled: 0, messagesPosted: 4, repeatedParts: [] })
  expect(Object.values(counters.mainConnectionsPeak)).toEqual([1])
  expect(counters.connectionsOpened['2 media']).toBeGreaterThan(1)
  expect(counters.connectionsOpened['2 media']).toBeLessThanOrEqual(8)
})

test('without media-only addresses everything goes over one connection', async () => {
  const telegram = await startTelegram({ settings: { mediaAddresses: false } })
  const { gateway } = startGateway(telegram)
  const credentials = userOf(telegram.account)
  const files = [1, 2].map((seed) => createFile(12 * MiB, { seed }))

  const posted = await Promise.all(
    files.map((file) => gateway.finish(createRequest(credentials, file))),
  )
  const [message] = posted
  if (!message) throw new Error('nothing was posted')
  const document = await gateway.locate(credentials, message.messageId, signal)
  await hashOf(gateway, document)

  expect(telegram.counters.read()).toMatchObject({ keysKilled: 0, connectionsOpened: { 2: 1 } })
  expect(telegram.counters.read().connectionsOpened['2 media']).toBeUndefined()
})

test('a media-only address without a listener is passed over', async () => {
  const telegram = await startTelegram({ settings: { deadMediaAddress: 'first' } })
  const { gateway } = startGateway(telegram)

  await gateway.finish(createRequest(userOf(telegram.account), createFile(12 * MiB)))

  expect(telegram.counters.read().methods['upload.saveBigFilePart']?.byAddress).toEqual({
    '2 media': 24,
  })
})

test('a channel on the third page of the archive is found by one search for all callers', async () => {
  const telegram = await startTelegram()
  const account = telegram.createAccount({
    label: 'hidden',
    channelPosition: { dialogsBefore: 250, archived: true },
  })
  const { gateway } = startGateway(telegram)

  await Promise.all(
    [1, 2, 3].map((seed) =>
      gateway.finish(createRequest(userOf(account), createFile(MiB, { seed }))),
    ),
  )

  const pages = telegram.counters.read().methods['messages.getDialogs']?.calls ?? 0
  expect(pages).toBeGreaterThanOrEqual(3)
  expect(pages).toBeLessThanOrEqual(5)
  expect(await telegram.messages(account.channelId)).toHaveLength(3)
})

test.each(['-1009999999999', '9999999999', '-12345', 'my channel'])(
  'the channel %s, which the user does not have, is not resolved',
  async (channelId) => {
    const telegram = await startTelegram()
    const { gateway } = startGateway(telegram)
    const credentials = { ...userOf(telegram.account), channelId }

    await expect(gateway.finish(createRequest(credentials, createFile(10)))).rejects.toMatchObject({
      code: 'TELEGRAM_CHANNEL_NOT_FOUND',
      message: 'Could not resolve channel ID',
    })
  },
)

test('a channel is found by its bare id too', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const channelId = telegram.account.channelId.replace(/^-100/, '')

  await gateway.finish(createRequest({ ...userOf(telegram.account), channelId }, createFile(10)))

  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

test('without a user session a large file goes as the bot, whose login is kept', async () => {
  const telegram = await startTelegram()
  const { gateway, secrets } = startGateway(telegram)
  const credentials = botOf(telegram.account)
  const file = createFile(51 * MiB)
  expect(gateway.roadFor(credentials, file.size)).toBe('mtproto-bot')
  expect(gateway.sendsEarly('mtproto-bot', file.size)).toBe(true)

  const posted = await gateway.finish(createRequest(credentials, file))
  await gateway.close()
  const later = startGateway(telegram, { secrets }).gateway
  const document = await later.locate(credentials, posted.messageId, signal)

  expect(document.size).toBe(file.size)
  const head = await later.readBlock(document, { offset: 0, length: 4096 }, signal)
  expect(head.length).toBe(4096)
  expect(telegram.counters.read()).toMatchObject({
    authorizations: { bot: 1 },
    messagesPosted: 1,
    keysKilled: 0,
  })
  const written = [...secrets.values()].map((value) => value.toString())
  expect(written.join()).not.toContain(telegram.account.botToken)
})

test("a bot finds its message after a lost answer, though it can't read history", async () => {
  const telegram = await startTelegram({ settings: { botApiUploadLimit: 2 * MiB } })
  const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 1500 } })
  const credentials = botOf(telegram.account)
  telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'lose-answer' }, times: 1 })

  const posted = await gateway.finish(createRequest(credentials, createFile(3 * MiB)))

  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([posted.messageId])
  expect(telegram.counters.read().repeatedRandomIds).toBe(0)
})

test('a revoked bot key is replaced by a new login', async () => {
  const telegram = await startTelegram()
  const { gateway, secrets } = startGateway(telegram)
  const credentials = { ...botOf(telegram.account) }
  const file = createFile(MiB)
  const posted = await gateway.finish(createRequest(credentials, file))
  await gateway.locate(credentials, posted.messageId, signal)
  await gateway.close()
  const [kept] = secrets.values()
  const { key } = JSON.parse(kept?.toString() ?? '{}') as { key: string }
  const { createHash } = await import('node:crypto')
  const digest = createHash('sha1').update(Buffer.from(key, 'base64')).digest()
  telegram.faults.revokeKey(digest.readBigInt64LE(12).toString(), 'forget')

  const later = startGateway(telegram, { secrets }).gateway
  const document = await later.locate(credentials, posted.messageId, signal)

  expect(document.size).toBe(file.size)
  expect(telegram.counters.read().authorizations.bot).toBe(2)
})

test('an unknown bot token is refused as such, and does not appear in the error', async () => {
  const telegram = await startTelegram()
  const { gateway, log } = startGateway(telegram)
  const botToken = '99999:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  const credentials = { ...botOf(telegram.account), botToken }

  const failure = await gateway
    .finish(createRequest(credentials, createFile(51 * MiB)))
    .catch((error: Error) => error)

  expect(failure).toMatchObject({ code: 'TELEGRAM_SESSION_INVALID' })
  expect(String((failure as Error).message)).toMatch(/bot token/)
  expect(JSON.stringify([log.entries, String((failure as Error).cause)])).not.toContain(botToken)
})

test('a login flood is obeyed without asking again', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_300' } as const
  telegram.faults.add({ method: 'auth.importBotAuthorization', effect, times: 1 })
  const request = createRequest(botOf(telegram.account), createFile(51 * MiB))

  for (const _ of [1, 2]) {
    const failure = await gateway.finish(request).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryable: true })
    expect((failure as { retryAfter: number }).retryAfter).toBeGreaterThan(290)
  }
  expect(telegram.counters.read().methods['auth.importBotAuthorization']?.calls).toBe(1)
})

test('an unused account is disconnected, and connected again when it is needed', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { idleMs: 50 })
  const credentials = userOf(telegram.account)
  await gateway.finish(createRequest(credentials, createFile(11 * MiB)))
  await expect.poll(() => telegram.counters.read().mainConnectionsOpen).toEqual({})

  await gateway.finish(createRequest(credentials, createFile(11 * MiB, { seed: 2 })))

  const counters = telegram.counters.read()
  expect(counters).toMatchObject({ messagesPosted: 2, keysKilled: 0 })
  expect(counters.methods['messages.getDialogs']?.calls).toBe(1)
})

test('a bot is disconnected also when every caller has left during its login', async () => {
  const telegram = await startTelegram()
  const { gateway, secrets } = startGateway(telegram, { idleMs: 50 })
  const leaving = new AbortController()
  const slow = { kind: 'latency', ms: 300 } as const
  telegram.faults.add({ method: 'auth.importBotAuthorization', effect: slow, times: 1 })
  const open = () => Object.values(telegram.counters.read().mainConnectionsOpen)
  const asked = gateway.locate(botOf(telegram.account), 1, leaving.signal)
  await vi.waitFor(() => expect(open()).toEqual([1]))

  leaving.abort(new Error('left'))
  await expect(asked).rejects.toThrow('left')

  await vi.waitFor(() => expect(secrets.size).toBe(1))
  await vi.waitFor(() => expect(open().filter((count) => count > 0)).toEqual([]))
})
