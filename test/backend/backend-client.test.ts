import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { type BackendClient, createBackendClient } from '../../src/backend/backend-client.ts'
import type { WebhookEvent } from '../../src/core/ports/records.ts'
import { AppError } from '../../src/errors.ts'
import {
  type BackendFault,
  downloadAnswer,
  type FakeBackend,
  loginAnswer,
  startBackend,
} from '../helpers/peers/fake-backend.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'

test('a login token is answered with credentials', async () => {
  const { backend, client } = await start()
  backend.logins.set('good', loginAnswer('anna'))

  expect(await client.credentials('good')).toEqual({
    userId: 'anna',
    botToken: '1004:bot-token-of-anna',
    channelId: '-1001234567890',
    session: 'session-of-anna',
    apiId: 12345,
    apiHash: 'hash-of-the-app',
  })
  expect(backend.calls[0]?.headers.authorization).toBe('Bearer good')
})

test.each([
  [{ telegram_api_id: 77 }, { apiId: 77 }],
  [{ telegram_api_id: ' 77 ' }, { apiId: 77 }],
  [{ telegram_api_id: '' }, { apiId: null }],
  [{ channel_id: -1001234567890 }, { channelId: '-1001234567890' }],
  [{ user_id: 42 }, { userId: '42' }],
  [{ bot_token: null }, { botToken: null }],
  [
    { telegram_session: null, telegram_api_id: null, telegram_api_hash: null },
    { session: null, apiId: null, apiHash: null },
  ],
])('the answer %j is understood', async (changes, expected) => {
  const { backend, client } = await start()
  backend.logins.set('good', loginAnswer('anna', changes))

  expect(await client.credentials('good')).toMatchObject(expected)
})

test.each<[string, BackendFault]>([
  ['connection reset', { kind: 'reset' }],
  ['html', { kind: 'html' }],
  ['html with status 404', { kind: 'html', status: 404 }],
  ['half an answer', { kind: 'half' }],
  ['an endless answer', { kind: 'huge' }],
  ['silence', { kind: 'slow', ms: 1000 }],
  ['status 500', { kind: 'status', status: 500, body: { detail: 'database is down' } }],
  ['status 503', { kind: 'status', status: 503, body: 'down' }],
  ['status 429', { kind: 'status', status: 429 }],
  ['a redirect', { kind: 'status', status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
  ['a path that is not there', { kind: 'status', status: 404, body: { detail: 'Not Found' } }],
  ['a list', { kind: 'shape', body: [] }],
  ['no user', { kind: 'shape', body: { ...loginAnswer('anna'), user_id: null } }],
  ['an api id in words', { kind: 'shape', body: loginAnswer('a', { telegram_api_id: 'many' }) }],
])('%s means that the backend is unavailable', async (_, fault) => {
  const { backend, client } = await start({ timeoutMs: 200 })
  backend.fail(fault)

  const failure = await failureOf(client.credentials('good'))

  expect(failure.code).toBe('BACKEND_UNAVAILABLE')
  expect(failure.retryAfter).toBeGreaterThan(0)
})

test('a backend that refuses connections is unavailable', async () => {
  const { backend, client } = await start()
  await backend.stop()

  expect((await failureOf(client.credentials('good'))).code).toBe('BACKEND_UNAVAILABLE')
})

test('the error says how long the backend asks to wait', async () => {
  const { backend, client } = await start()
  backend.fail({ kind: 'status', status: 503, headers: { 'retry-after': '42' } })

  expect((await failureOf(client.credentials('good'))).retryAfter).toBe(42)
})

test.each([
  [401, 'Invalid token', 'TOKEN_REFUSED'],
  [403, 'Not authenticated', 'TOKEN_REFUSED'],
  [404, 'User not found', 'TOKEN_REFUSED'],
  [400, 'Connect Telegram first', 'TELEGRAM_NOT_CONFIGURED'],
  [500, '401: Invalid token', 'TOKEN_REFUSED'],
  [500, '404: User not found', 'TOKEN_REFUSED'],
  [500, '400: Connect Telegram first', 'TELEGRAM_NOT_CONFIGURED'],
])('status %i with "%s" is the refusal %s', async (status, detail, code) => {
  const { backend, client } = await start()
  backend.fail({ kind: 'status', status, body: { detail } })

  const failures = [
    await failureOf(client.credentials('good')),
    await failureOf(client.verifyDownloadToken('good')),
  ]

  expect(failures.map((failure) => failure.code)).toEqual([code, code])
  if (code === 'TELEGRAM_NOT_CONFIGURED') {
    expect(failures[0]?.details).toEqual({ detail: 'Connect Telegram first' })
  }
})

test('an account without a channel is not set up', async () => {
  const { backend, client } = await start()
  backend.logins.set('good', loginAnswer('anna', { channel_id: null }))

  expect((await failureOf(client.credentials('good'))).code).toBe('TELEGRAM_NOT_CONFIGURED')
})

test('a reset connection is asked once more, and a token that no header can hold is never sent', async () => {
  const { backend, client } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  backend.fail({ kind: 'reset' }, 1)

  expect((await client.credentials('good')).userId).toBe('anna')
  expect(backend.calls).toHaveLength(2)

  const failure = await failureOf(client.credentials('secret\r\nX-Evil: 1'))
  expect(failure.code).toBe('TOKEN_REFUSED')
  expect(String(failure.stack)).not.toContain('secret')
  expect(backend.calls).toHaveLength(2)
})

test('a download token is answered with a grant', async () => {
  const { backend, client } = await start()
  backend.downloads.set('dl', downloadAnswer('anna'))
  backend.downloads.set('tied', downloadAnswer('anna', { message_id: '17' }))
  backend.downloads.set('void', { valid: false })
  backend.downloads.set('odd', downloadAnswer('anna', { message_id: 'all' }))

  expect(await client.verifyDownloadToken('dl')).toMatchObject({
    kind: 'download',
    messageId: null,
    credentials: { userId: 'anna', botToken: null, session: 'session-of-anna' },
  })
  expect((await client.verifyDownloadToken('tied')).messageId).toBe(17)
  expect((await failureOf(client.verifyDownloadToken('void'))).code).toBe('TOKEN_REFUSED')
  expect((await failureOf(client.verifyDownloadToken('odd'))).code).toBe('BACKEND_UNAVAILABLE')
  expect(backend.calls[0]).toMatchObject({
    body: 'token=dl',
    headers: { 'content-type': expect.stringContaining('application/x-www-form-urlencoded') },
  })
})

test('a webhook has its key, and a signature over time and body', async () => {
  const backend = await startBackend()
  const client = createBackendClient({
    baseUrl: `${backend.url}/`,
    log: createRecordingLog(),
    webhookSecret: 'shared secret',
    now: () => 1_762_700_000_999,
  })

  await client.deliverWebhook(event())

  const [call] = backend.callsTo('/api/webhook/upload')
  const expected = createHmac('sha256', 'shared secret').update(`1762700000.${call?.body}`)
  expect(call?.headers).toMatchObject({
    'idempotency-key': 'event-1',
    'x-telestore-timestamp': '1762700000',
    'x-telestore-signature': `sha256=${expected.digest('hex')}`,
  })
  expect(backend.webhooks).toEqual([event().payload])
})

test.each([
  [400, 'INVALID_REQUEST'],
  [404, 'INVALID_REQUEST'],
  [408, 'BACKEND_UNAVAILABLE'],
  [425, 'BACKEND_UNAVAILABLE'],
  [429, 'BACKEND_UNAVAILABLE'],
  [500, 'BACKEND_UNAVAILABLE'],
])('a webhook answered with %i rejects with %s', async (status, code) => {
  const { backend, client } = await start()
  backend.fail({ kind: 'status', status, headers: { 'retry-after': '9' } })

  const failure = await failureOf(client.deliverWebhook(event()))

  expect(failure).toMatchObject({ code, retryAfter: 9 })
  expect(backend.calls[0]?.headers).not.toHaveProperty('x-telestore-signature')
})

async function start(
  options: { timeoutMs?: number } = {},
): Promise<{ backend: FakeBackend; client: BackendClient }> {
  const backend = await startBackend()
  const client = createBackendClient({
    baseUrl: backend.url,
    log: createRecordingLog(),
    ...options,
  })
  return { backend, client }
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof AppError)) throw new Error('an AppError was expected', { cause: error })
  return error
}

function event(): WebhookEvent {
  return {
    id: 'event-1',
    uploadId: 'upload-1',
    payload: {
      userId: 'anna',
      fileName: 'отчёт "final" 📄.pdf',
      messageId: 5,
      fileId: 'BQACAgQAAx0',
      size: 3,
      mimeType: 'application/pdf',
      sha256: 'f00d'.repeat(16),
    },
    attempts: 0,
    dueAt: 0,
    createdAt: 0,
  }
}
