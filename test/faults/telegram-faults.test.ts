import { setTimeout as pause } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import {
  createFile,
  createJournal,
  createRequest,
  expectedHash,
  hashOf,
  startGateway,
  userOf,
} from '../telegram/mtproto/setup.ts'

const signal = new AbortController().signal
const PART = 512 * KiB

test('a transfer that was killed goes on with exactly the missing parts', async () => {
  const telegram = await startTelegram()
  const file = createFile(24 * MiB)
  const stop = new AbortController()
  const first = createRequest(userOf(telegram.account), file, { signal: stop.signal })
  const onEvent = first.onEvent
  first.onEvent = (event) => {
    onEvent(event)
    if (event.phase === 'sending' && event.acceptedBytes >= 8 * MiB) stop.abort(new Error('killed'))
  }
  const { gateway } = startGateway(telegram)
  await expect(gateway.finish(first)).rejects.toThrow('killed')
  await gateway.close()
  const sent = new Set(first.journal.parts)

  const later = startGateway(telegram).gateway
  const same = createFile(24 * MiB)
  const again = createRequest(first.credentials, same, { journal: createJournal(first.journal) })
  const posted = await later.finish(again)

  expect(sent.size).toBeGreaterThanOrEqual(16)
  expect(again.journal.saved.at(-1)?.fileId).toBe(first.journal.saved[0]?.fileId)
  expect(same.reads).toBe(48 - sent.size)
  const document = await later.locate(again.credentials, posted.messageId, signal)
  expect(await hashOf(later, document)).toBe(expectedHash(file))
})

test('parts are sent while the file is arriving, and the short last one after a full one', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const file = createFile(12 * MiB + 100, { arrived: 5 * MiB })
  const request = createRequest(userOf(telegram.account), file)

  await gateway.sendAvailable(request)

  expect([...request.journal.parts].sort((a, b) => a - b)).toEqual([...Array(10).keys()])
  expect(telegram.counters.read()).toMatchObject({ partsReceived: 10, messagesPosted: 0 })
  file.arrived = file.size
  file.sealed = true
  await gateway.finish(request)
  expect(telegram.counters.read()).toMatchObject({ partsReceived: 25, messagesPosted: 1 })
  expect(telegram.counters.read().repeatedParts).toEqual([])
})

test('a transfer whose parts have expired starts over', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { partTtlMs: 0 })
  const file = createFile(12 * MiB, { arrived: 5 * MiB })
  const request = createRequest(userOf(telegram.account), file)
  await gateway.sendAvailable(request)
  const { fileId } = request.journal.saved[0] ?? {}
  Object.assign(file, { arrived: file.size, sealed: true })
  await pause(5)

  await gateway.finish(request)

  expect(request.journal.state?.fileId).not.toBe(fileId)
  expect(telegram.counters.read()).toMatchObject({ partsReceived: 34, messagesPosted: 1 })
})

test.each([
  ['lost', 'lose-answer'],
  ['cut off', 'drop-after'],
] as const)('a post whose answer is %s is made once', async (_name, kind) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 2000 } })
  const request = createRequest(userOf(telegram.account), createFile(2 * MiB))
  telegram.faults.add({ method: 'messages.sendMedia', effect: { kind }, times: 1 })

  const posted = await gateway.finish(request)

  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages).toHaveLength(1)
  expect(posted.messageId).toBe(messages[0]?.id)
  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, repeatedRandomIds: 0 })
})

test('a post that Telegram never made is sent again', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 2000 } })
  const request = createRequest(userOf(telegram.account), createFile(2 * MiB))
  telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'silence' }, times: 1 })
  telegram.faults.add({
    method: 'messages.sendMedia',
    effect: { kind: 'error', code: 500, message: 'RPC_CALL_FAIL' },
    after: 1,
    times: 1,
  })

  await gateway.finish(request)

  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

test.each(['error', 'old-updates'] as const)(
  'a known random_id that Telegram answers by %s leads to the first message',
  async (repeatedRandomId) => {
    const telegram = await startTelegram({ settings: { repeatedRandomId } })
    const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 2000 } })
    const request = createRequest(userOf(telegram.account), createFile(2 * MiB))
    telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'lose-answer' }, times: 1 })
    // The look after the lost answer fails, so the post is repeated blindly.
    const search = { method: 'messages.getHistory', after: 1, times: 1 }
    telegram.faults.add({ ...search, effect: { kind: 'error', code: 400, message: 'NO_SEARCH' } })
    await expect(gateway.finish(request)).rejects.toMatchObject({ code: 'TELEGRAM_REJECTED' })
    const state = request.journal.state
    if (!state) throw new Error('no state')
    // Nothing newer than this number will be looked at, so only Telegram can tell.
    await request.journal.save({ ...state, newestMessageId: 1000, postAttempts: 0 })
    const again = gateway.finish(request)

    if (repeatedRandomId === 'old-updates') {
      expect((await again).messageId).toBe(
        (await telegram.messages(telegram.account.channelId))[0]?.id,
      )
    } else {
      await expect(again).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
    }
    expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1 })
    expect(telegram.counters.read().repeatedRandomIds).toBeGreaterThanOrEqual(1)
  },
)

test('RANDOM_ID_DUPLICATE for an existing message resolves with that message', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const request = createRequest(userOf(telegram.account), createFile(2 * MiB))
  const posted = await gateway.finish(request)
  const state = request.journal.state
  if (!state) throw new Error('no state')

  await request.journal.save({ ...state, postAttempts: 0 })
  expect((await gateway.finish(request)).messageId).toBe(posted.messageId)

  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, repeatedRandomIds: 1 })
})

test('a transfer of a process that died after posting finds the message and does not post again', async () => {
  const telegram = await startTelegram()
  const request = createRequest(userOf(telegram.account), createFile(11 * MiB))
  const posted = await startGateway(telegram).gateway.finish(request)

  const journal = createJournal(request.journal)
  const again = createRequest(request.credentials, request.file, { journal })
  expect(await startGateway(telegram).gateway.finish(again)).toMatchObject({
    messageId: posted.messageId,
  })

  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, repeatedRandomIds: 0 })
})

test.each(['FLOOD_WAIT_1', 'FLOOD_PREMIUM_WAIT_1'])(
  '%s is waited out and shown',
  async (message) => {
    const telegram = await startTelegram()
    const { gateway } = startGateway(telegram)
    const request = createRequest(userOf(telegram.account), createFile(12 * MiB))
    const effect = { kind: 'error', code: 420, message } as const
    telegram.faults.add({ method: 'upload.saveBigFilePart', effect, after: 5, times: 2 })
    const startedAt = Date.now()

    await gateway.finish(request)

    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990)
    expect(request.events).toContainEqual({ phase: 'waiting', retryAfter: 1 })
    expect(telegram.counters.read()).toMatchObject({ partsReceived: 24, messagesPosted: 1 })
  },
)

test.each([
  ['500 RPC_CALL_FAIL', { kind: 'error', code: 500, message: 'RPC_CALL_FAIL' }],
  ['-503 Timeout', { kind: 'error', code: -503, message: 'Timeout' }],
  ['a cut connection', { kind: 'drop' }],
  ['silence', { kind: 'silence' }],
] as const)('%s on some parts repeats those parts only', async (_name, effect) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 1000 } })
  const file = createFile(16 * MiB)
  const request = createRequest(userOf(telegram.account), file)
  telegram.faults.add({ method: 'upload.saveBigFilePart', effect, after: 6, times: 3 })

  const posted = await gateway.finish(request)

  const document = await gateway.locate(request.credentials, posted.messageId, signal)
  expect(await hashOf(gateway, document)).toBe(expectedHash(file))
  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, keysKilled: 0 })
})

test('connections that are cut all the time delay an upload and do not damage it', async () => {
  const telegram = await startTelegram({ settings: { cutConnectionsEveryMs: 1000 } })
  const { gateway } = startGateway(telegram, { retryPolicy: { attempts: 30 } })
  const file = createFile(32 * MiB)
  const request = createRequest(userOf(telegram.account), file)

  const posted = await gateway.finish(request)

  telegram.settings.change({ cutConnectionsEveryMs: null })
  const document = await gateway.locate(request.credentials, posted.messageId, signal)
  expect(await hashOf(gateway, document)).toBe(expectedHash(file))
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
  expect(telegram.counters.read().keysKilled).toBe(0)
})

test('connections that stay without an answer are replaced by new ones', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram, { retryPolicy: { answerMs: 500 } })
  const request = createRequest(userOf(telegram.account), createFile(14 * MiB))
  const effect = { kind: 'silence' } as const
  telegram.faults.add({ method: 'upload.saveBigFilePart', effect, after: 4, times: 12 })

  await gateway.finish(request)

  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, keysKilled: 0 })
})

test('parts that Telegram has lost are sent again', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const file = createFile(12 * MiB, { arrived: 11 * MiB })
  const request = createRequest(userOf(telegram.account), file)
  await gateway.sendAvailable(request)
  const fileId = request.journal.state?.fileId ?? ''
  await telegram.faults.loseParts(fileId, [3, 7])
  Object.assign(file, { arrived: file.size, sealed: true })

  const posted = await gateway.finish(request)

  expect(request.journal.state?.fileId).toBe(fileId)
  expect(telegram.counters.read().partsReceived).toBe(24 + 2)
  const document = await gateway.locate(request.credentials, posted.messageId, signal)
  expect(await hashOf(gateway, document)).toBe(expectedHash(file))
})

test('when Telegram has lost many parts the transfer starts over', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const file = createFile(12 * MiB, { arrived: 11 * MiB })
  const request = createRequest(userOf(telegram.account), file)
  await gateway.sendAvailable(request)
  const fileId = request.journal.state?.fileId ?? ''
  await telegram.faults.loseParts(fileId)
  Object.assign(file, { arrived: file.size, sealed: true })

  await gateway.finish(request)

  expect(request.journal.state?.fileId).not.toBe(fileId)
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

test.each([
  ['forget', 'a key that Telegram has forgotten'],
  ['unregister', 'a session that was ended'],
] as const)('%s: %s fails at once', async (how, _name) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const request = createRequest(userOf(telegram.account), createFile(12 * MiB))
  telegram.faults.revokeKey(telegram.account.authKeyId ?? '', how)
  const startedAt = Date.now()

  await expect(gateway.finish(request)).rejects.toMatchObject({
    code: 'TELEGRAM_SESSION_INVALID',
    message: 'Telegram session not authorized',
  })

  // One lost answer alone is waited for longer.
  expect(Date.now() - startedAt).toBeLessThan(20_000)
})

test('a key that is revoked while parts are sent ends the upload at once', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const request = createRequest(userOf(telegram.account), createFile(40 * MiB))
  const onEvent = request.onEvent
  request.onEvent = (event) => {
    onEvent(event)
    if (event.phase === 'sending' && event.acceptedBytes === 4 * PART) {
      telegram.faults.revokeKey(telegram.account.authKeyId ?? '', 'unregister')
    }
  }

  await expect(gateway.finish(request)).rejects.toMatchObject({ code: 'TELEGRAM_SESSION_INVALID' })
})

test('a session used in two places is stopped for good and says so', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const request = createRequest(userOf(telegram.account), createFile(12 * MiB))
  const effect = { kind: 'error', code: 406, message: 'AUTH_KEY_DUPLICATED' } as const
  telegram.faults.add({ method: 'messages.uploadMedia', effect, times: 1 })

  const refusal = { code: 'TELEGRAM_SESSION_DUPLICATED', message: /Sign in to Telegram again/ }
  await expect(gateway.finish(request)).rejects.toMatchObject({ code: refusal.code })
  const { connectionsOpened } = telegram.counters.read()
  await expect(gateway.finish(request)).rejects.toThrow(refusal.message)

  expect(telegram.counters.read().connectionsOpened).toEqual(connectionsOpened)
})

test('an aborted upload stops asking at once', async () => {
  const telegram = await startTelegram({ settings: { latencyMs: 50 } })
  const { gateway } = startGateway(telegram)
  const stop = new AbortController()
  const request = createRequest(userOf(telegram.account), createFile(60 * MiB), {
    signal: stop.signal,
  })
  const onEvent = request.onEvent
  request.onEvent = (event) => {
    onEvent(event)
    if (event.phase === 'sending' && event.acceptedBytes >= 8 * MiB) stop.abort(new Error('stop'))
  }

  await expect(gateway.finish(request)).rejects.toThrow('stop')

  const { reads } = request.file
  await pause(400)
  expect(request.file.reads).toBe(reads)
  expect(telegram.counters.read().partsReceived).toBeLessThanOrEqual(reads)
  expect(reads).toBeLessThan(60)
})

test('closing the gateway ends what runs with SHUTTING_DOWN', async () => {
  const telegram = await startTelegram({ settings: { latencyMs: 100 } })
  const { gateway } = startGateway(telegram)
  const running = gateway.finish(createRequest(userOf(telegram.account), createFile(40 * MiB)))
  running.catch(() => {})
  await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBeGreaterThan(0))

  await gateway.close()

  await expect(running).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('a channel in which the account may not write fails with what to do about it', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  telegram.faults.setRole({
    channelId: account.channelId,
    accountId: account.userId,
    role: 'member',
  })

  const failure = gateway.finish(createRequest(userOf(account), createFile(2 * MiB)))

  await expect(failure).rejects.toMatchObject({ code: 'TELEGRAM_FORBIDDEN' })
  await expect(failure).rejects.toThrow(/administrator/)
})
