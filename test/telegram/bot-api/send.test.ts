import { expect, test, vi } from 'vitest'
import type { PostedFile, TransferState } from '../../../src/core/ports/records.ts'
import type { TransferRequest } from '../../../src/core/ports/telegram.ts'
import { AppError } from '../../../src/errors.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createCircuitBreaker } from '../../../src/lib/waiting/circuit-breaker.ts'
import {
  type BotApiRoad,
  type BotApiTimeouts,
  createBotApiRoad,
} from '../../../src/telegram/bot-api/bot-api-road.ts'
import { peerDown } from '../../../src/telegram/circuits.ts'
import { createRecordingLog, type LogEntry } from '../../helpers/recording-log.ts'
import { type Answer, type FakeBotApi, startBotApi, TOKEN } from './fake-bot-api.ts'
import { CAPTION, makeRequest } from './transfer-request.ts'

test('a file arrives whole, with its name, its type and a known length', async () => {
  const { api, road } = await start()
  const request = makeRequest({ size: 3 * MiB + 17, name: 'отчёт 2026.pdf' })

  const result = await road.send(request)

  expect(result).toEqual({ messageId: 1, fileId: 'file-1', hasThumbnail: false })
  expect(api.posted).toEqual([
    {
      chatId: '-1001234567890',
      fileName: 'отчёт 2026.pdf',
      mimeType: 'application/pdf',
      size: 3 * MiB + 17,
      digest: request.digest,
      detection: 'true',
      caption: CAPTION,
      silent: 'true',
    },
  ])
  expect(Number(api.calls[0]?.headers['content-length'])).toBeGreaterThan(3 * MiB)
  expect(api.calls[0]?.headers['transfer-encoding']).toBeUndefined()
})

test('progress is the bytes the socket took, and the whole only after the answer', async () => {
  const { road } = await start()
  const size = 2 * MiB
  const request = makeRequest({ size })

  await road.send(request)

  const sent = request.events.flatMap((event) =>
    event.phase === 'sending' ? [event.acceptedBytes] : [],
  )
  expect(sent).toEqual(sent.toSorted((a, b) => a - b))
  expect(sent.length).toBeGreaterThan(4)
  expect(sent.filter((bytes) => bytes >= size)).toEqual([size])
  expect(request.events[0]).toEqual({ phase: 'connecting' })
  expect(request.events.at(-1)).toEqual({ phase: 'posting' })
})

test.each([
  'plain.txt',
  '50% off.pdf',
  'a%41b%22.txt',
  'quote " inside.txt',
  "it's; semi=colon.txt",
  'back\\slash\\.txt',
  'line\r\nContent-Type: evil.txt',
  '📄 文档 مستند Ünïcödé.tar.gz',
  'tab\there.txt',
  `${'long'.repeat(75)}.bin`,
])('the name %j arrives as it was sent', async (name) => {
  const { api, road } = await start()

  await road.send(makeRequest({ name, mimeType: 'text/plain\r\nX-Evil: 1' }))

  expect(api.posted).toMatchObject([{ fileName: name, mimeType: 'application/octet-stream' }])
})

test.each([
  ['1234567890', '-1001234567890'],
  ['1001234567890', '-2001234567890'],
  ['-1001234567890', '-1001234567890'],
  ['-4567', '-4567'],
])('the channel %s is %s for the Bot API', async (channelId, chatId) => {
  const { api, road } = await start()

  await road.send(makeRequest({ channelId }))

  expect(api.posted[0]?.chatId).toBe(chatId)
})

test('a flood wait is obeyed to the second and shown', async () => {
  const { api, road } = await start({}, [
    { kind: 'error', code: 429, description: 'Too Many Requests: retry after 1', retryAfter: 1 },
  ])
  const request = makeRequest()

  await road.send(request)

  const [first, second] = api.calls
  // A timer may be a millisecond early by another clock.
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990)
  expect(request.events).toContainEqual({ phase: 'waiting', retryAfter: 1 })
  expect(request.saved.at(-1)?.postAttempts).toBe(1)
})

test('a flood wait beyond the time for one file is handed on', async () => {
  const { api, road } = await start({ totalMs: 60_000 }, [
    { kind: 'error', code: 429, description: 'Too Many Requests', retryAfter: 3600 },
  ])

  const failure = await failureOf(road.send(makeRequest()))

  expect(failure).toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 3600 })
  expect(api.calls).toHaveLength(1)
})

test.each<[string, Answer, string, string]>([
  ['413', { kind: 'error', code: 413, description: 'Too Large' }, 'FILE_TOO_LARGE', 'too large'],
  ['an early 413', { kind: 'early', status: 413 }, 'FILE_TOO_LARGE', 'too large'],
  ['413 from a proxy', { kind: 'html', status: 413 }, 'FILE_TOO_LARGE', 'too large'],
  [
    '401',
    { kind: 'error', code: 401, description: 'Unauthorized' },
    'TELEGRAM_SESSION_INVALID',
    'The bot token was refused by Telegram',
  ],
  [
    'an unknown chat',
    { kind: 'error', code: 400, description: 'Bad Request: chat not found' },
    'TELEGRAM_CHANNEL_NOT_FOUND',
    'Could not resolve channel ID',
  ],
  [
    'a bot outside',
    { kind: 'error', code: 403, description: 'Forbidden: bot is not a member of the channel chat' },
    'TELEGRAM_FORBIDDEN',
    'add the bot to the channel as an administrator',
  ],
  [
    'a bot without rights',
    { kind: 'error', code: 400, description: 'Bad Request: need administrator rights in the chat' },
    'TELEGRAM_FORBIDDEN',
    'add the bot to the channel as an administrator',
  ],
  [
    'a channel without files',
    { kind: 'error', code: 400, description: 'Bad Request: CHAT_SEND_DOCS_FORBIDDEN' },
    'TELEGRAM_FORBIDDEN',
    'The channel does not allow files',
  ],
  [
    'a chat that takes Stars',
    { kind: 'error', code: 403, description: 'Forbidden: ALLOW_PAYMENT_REQUIRED_25' },
    'TELEGRAM_FORBIDDEN',
    'costs 25 Telegram Stars',
  ],
  [
    'a frozen bot',
    { kind: 'error', code: 400, description: 'Bad Request: FROZEN_METHOD_INVALID' },
    'TELEGRAM_FORBIDDEN',
    'frozen this account',
  ],
  [
    'a bot that may not write',
    { kind: 'error', code: 400, description: 'Bad Request: CHAT_WRITE_FORBIDDEN' },
    'TELEGRAM_FORBIDDEN',
    'add the bot to the channel as an administrator',
  ],
  [
    'a group that has moved',
    {
      kind: 'error',
      code: 400,
      description: 'Bad Request: group chat was upgraded to a supergroup chat',
    },
    'TELEGRAM_CHANNEL_NOT_FOUND',
    'another ID',
  ],
  [
    'a bot that was logged out',
    { kind: 'error', code: 400, description: 'Bad Request: Logged out' },
    'TELEGRAM_SESSION_INVALID',
    'ten minutes',
  ],
  [
    'a file that came as words',
    {
      kind: 'error',
      code: 400,
      description: 'Bad Request: wrong file identifier/HTTP URL specified',
    },
    'TELEGRAM_REJECTED',
    'wrong file identifier',
  ],
  [
    'words that no table knows',
    { kind: 'error', code: 400, description: 'Bad Request: SOMETHING_NEW' },
    'TELEGRAM_REJECTED',
    'SOMETHING_NEW',
  ],
])('%s fails at once', async (_, answer, code, sentence) => {
  const { api, road } = await start({}, [answer])
  const request = makeRequest({ size: 2 * MiB })

  const failure = await failureOf(road.send(request))

  expect(failure.code).toBe(code)
  expect(failure.message).toContain(sentence)
  expect(api.calls).toHaveLength(1)
  expect(request.saved.at(-1)?.postAttempts).toBe(0)
})

test.each<[string, Answer]>([
  ['a connection cut in the middle', { kind: 'cut' }],
  ['an error of the server', { kind: 'error', code: 500, description: 'Internal Server Error' }],
  ['a page that says later', { kind: 'html', status: 503 }],
  ['a page instead of an answer', { kind: 'html', status: 200 }],
  ['an early 502', { kind: 'early', status: 502, html: true }],
  ['a gateway that gave up', { kind: 'error', code: 502, description: 'Bad Gateway' }],
  [
    'a file that is unavailable for the moment',
    {
      kind: 'error',
      code: 400,
      description: 'Bad Request: wrong file_id or the file is temporarily unavailable',
    },
  ],
])('%s is tried again', async (_, answer) => {
  const { api, road } = await start({}, [answer])
  const request = makeRequest({ size: 2 * MiB })

  await road.send(request)

  expect(api.posted.map((document) => document.digest)).toEqual([request.digest])
})

test('a file that was surely not posted is tried as often as allowed, and no more', async () => {
  const answer: Answer = { kind: 'error', code: 500, description: 'Internal Server Error' }
  const { api, road } = await start({}, [answer, answer, answer], 3)

  const failure = await failureOf(road.send(makeRequest()))

  expect(failure).toMatchObject({ code: 'TELEGRAM_UNAVAILABLE', retryable: true })
  expect(api.calls).toHaveLength(3)
})

test('after a lost answer the file is looked for, and not sent again when it is found', async () => {
  const { api, road } = await start({}, [{ kind: 'lost' }])
  const looks: TransferRequest[] = []
  const request = makeRequest()

  const result = await road.send(request, async (lost) => {
    looks.push(lost)
    return looks.length < 2 ? null : { messageId: 1, fileId: 'found' }
  })

  expect(result).toEqual({ messageId: 1, fileId: 'found' })
  expect(looks).toEqual([request, request])
  expect(api.posted).toHaveLength(1)
})

test('a file that is not found is sent again, and after each lost answer it is looked for', async () => {
  const { api, road } = await start({}, [
    { kind: 'html', status: 504 },
    { kind: 'html', status: 504 },
    { kind: 'html', status: 504 },
  ])
  const look = vi.fn(async (): Promise<PostedFile | null> => null)

  await road.send(makeRequest(), look)

  expect(api.posted).toHaveLength(1)
  expect(look).toHaveBeenCalledTimes(6)
})

test('without a session that can look, a lost answer leads to one more try at most', async () => {
  const { api, road } = await start({}, [{ kind: 'lost' }, { kind: 'lost' }])

  const failure = await failureOf(road.send(makeRequest()))

  expect(failure).toMatchObject({ code: 'TELEGRAM_REJECTED', retryable: false })
  expect(api.posted).toHaveLength(2)
})

test('a session that cannot look does not stop the bot', async () => {
  const { api, road } = await start({}, [{ kind: 'lost' }])

  await road.send(makeRequest(), async () => {
    throw new AppError('TELEGRAM_SESSION_INVALID', 'Telegram session not authorized')
  })

  expect(api.posted).toHaveLength(2)
})

test('a restart looks first for what an earlier process may have posted', async () => {
  const { api, road } = await start()
  const found = { messageId: 9, fileId: 'earlier' }

  expect(await road.send(makeRequest({ left: leftBehind(1) }), async () => found)).toEqual(found)
  expect(api.calls).toHaveLength(0)

  await failureOf(road.send(makeRequest({ left: leftBehind(2) })))
  expect(api.calls).toHaveLength(0)

  await road.send(makeRequest({ left: leftBehind(1) }))
  expect(api.posted).toHaveLength(1)
})

test('the journal counts a try only once its last bytes leave', async () => {
  const { road } = await start()
  const saved: number[] = []
  const request = makeRequest({
    size: 2 * MiB,
    beforeRead: async () => void saved.push(request.saved.at(-1)?.postAttempts ?? -1),
  })

  await road.send(request)

  expect(new Set(saved)).toEqual(new Set([0]))
  expect(request.saved[0]).toMatchObject({ road: 'bot-api', postAttempts: 0 })
  expect(request.saved.at(-1)?.postAttempts).toBe(1)
})

test('cancelling cuts the connection and the waits', async () => {
  const { api, road } = await start({}, [
    { kind: 'silence' },
    { kind: 'error', code: 429, description: 'later', retryAfter: 50 },
  ])
  const reason = new AppError('SHUTTING_DOWN', 'Shutting down')

  for (const waitsFor of ['sending', 'waiting']) {
    const request = makeRequest({ size: MiB })
    const sent = road.send(request).catch((error: unknown) => error)
    await vi.waitFor(() => expect(request.events.map((e) => e.phase)).toContain(waitsFor))
    request.abort(reason)

    expect(await sent).toBe(reason)
  }
  await vi.waitFor(async () => expect(await api.openConnections()).toBe(0))
  expect(api.posted).toHaveLength(0)
})

test('a silent server is given up after the timeout', async () => {
  const { road } = await start({ answerMs: 50 }, [{ kind: 'silence' }], 1)

  expect((await failureOf(road.send(makeRequest()))).code).toBe('TELEGRAM_UNAVAILABLE')
})

test('a server that is not there is tried again', async () => {
  const log = createRecordingLog()
  const road = createBotApiRoad({ root: 'http://127.0.0.1:9', local: false, log, attempts: 2 })
  const request = makeRequest()

  expect((await failureOf(road.send(request))).code).toBe('TELEGRAM_UNAVAILABLE')
  expect(request.saved.at(-1)?.postAttempts).toBe(0)
  expect(log.entries).toHaveLength(2)
})

test("the file's own failure comes through as it is", async () => {
  const { api, road } = await start()
  const damaged = new AppError('SPOOL_DAMAGED', 'Bytes are missing')

  const sent = road.send(
    makeRequest({
      size: 3 * MiB,
      beforeRead: async (offset) => {
        if (offset > MiB) throw damaged
      },
    }),
  )

  expect(await failureOf(sent)).toBe(damaged)
  expect(api.posted).toHaveLength(0)
})

test.each([null, '12:ab/../../x', '12:ab?x=1'])('the bot token %j is never sent', async (token) => {
  const { api, road } = await start()

  const failure = await failureOf(road.send(makeRequest({ botToken: token })))

  expect(failure.code).toMatch(/TELEGRAM_(NOT_CONNECTED|SESSION_INVALID)/)
  expect(api.calls).toHaveLength(0)
})

test('the bot token is in no error and in no log', async () => {
  const answers: Answer[] = [
    { kind: 'lost' },
    { kind: 'error', code: 500, description: `failed at /bot${TOKEN}/sendDocument` },
    { kind: 'error', code: 400, description: `no such path /bot${TOKEN}/sendDocument` },
  ]
  const { road, log } = await start({}, answers)

  const failure = await failureOf(road.send(makeRequest()))

  const all = [failure, ...log.entries.map((entry) => entry.fields)].map(describe).join('\n')
  expect(all).toContain('no such path')
  expect(all).not.toContain('very-secret')
})

test('a small file is found and read by ranges', async () => {
  const { api, road } = await start()
  const bytes = Buffer.from('0123456789')
  api.files.set('doc 1', bytes)
  const { signal } = new AbortController()

  const file = await road.findFile(TOKEN, 'doc 1', signal)

  expect(file.size).toBe(10)
  const block = await road.readBlock(file, { offset: 4, length: 3 }, signal)
  expect(Buffer.from(block).toString()).toBe('456')
  const failure = await failureOf(road.findFile(TOKEN, 'huge', signal))
  expect(failure.code).toBe('FILE_TOO_LARGE')
})

async function start(
  timeouts: Partial<BotApiTimeouts> = {},
  script: Answer[] = [],
  attempts = 6,
): Promise<{ api: FakeBotApi; road: BotApiRoad; log: { readonly entries: readonly LogEntry[] } }> {
  const api = await startBotApi()
  api.script.push(...script)
  const log = createRecordingLog()
  const road = createBotApiRoad({
    root: api.root,
    local: false,
    log,
    attempts,
    // What one call does by itself is the matter here: circuits are looked at elsewhere.
    circuit: createCircuitBreaker({ refuse: peerDown, failures: 100 }),
    timeouts: { lookAfterMs: [1, 1], ...timeouts },
  })
  return { api, road, log }
}

function leftBehind(postAttempts: number): TransferState {
  return { road: 'bot-api', startedAt: 1, postAttempts, posted: null }
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof AppError)) throw new Error('an AppError was expected', { cause: error })
  return error
}

/** Everything a careless logger could print of a value: fields, stacks and causes too. */
function describe(value: unknown): string {
  if (value instanceof Error) {
    const fields = JSON.stringify(Object.getOwnPropertyDescriptors(value))
    return `${value.message} ${value.stack} ${fields} ${describe(value.cause)}`
  }
  if (typeof value === 'object' && value !== null) return Object.values(value).map(describe).join()
  return String(value)
}
