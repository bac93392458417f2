import { expect, test, vi } from 'vitest'
import { createBackendClient } from '../../src/backend/backend-client.ts'
import { createBackendCredentials } from '../../src/backend/backend-credentials.ts'
import type { CredentialsProvider } from '../../src/core/ports/credentials.ts'
import {
  downloadAnswer,
  type FakeBackend,
  loginAnswer,
  makeJwt,
  startBackend,
} from '../helpers/peers/fake-backend.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'

const HOUR = 3_600_000
const LOGIN = '/api/worker/credentials'
const VERIFY = '/api/worker/verify-download-token'

test('a hundred chunks at once ask the backend once', async () => {
  const { backend, credentials } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  backend.fail({ kind: 'slow', ms: 30 })

  const answers = await Promise.all(
    Array.from({ length: 100 }, () => credentials.forUpload('good')),
  )

  expect(new Set(answers.map((answer) => answer.userId))).toEqual(new Set(['anna']))
  expect(backend.calls).toHaveLength(1)
})

test('an answer is kept for an hour', async () => {
  const { backend, credentials, clock } = await start()
  backend.logins.set('good', loginAnswer('anna'))

  await credentials.forUpload('good')
  clock.advance(HOUR - 1)
  await credentials.forUpload('good')
  expect(backend.calls).toHaveLength(1)

  clock.advance(1)
  await credentials.forUpload('good')
  expect(backend.calls).toHaveLength(2)
})

test("an answer is kept no longer than the token's own end", async () => {
  const { backend, credentials, clock } = await start()
  const token = makeJwt({ sub: 'anna', exp: clock.now() / 1000 + 60 })
  backend.logins.set(token, loginAnswer('anna'))

  await credentials.forUpload(token)
  clock.advance(59_999)
  await credentials.forUpload(token)
  expect(backend.calls).toHaveLength(1)

  clock.advance(1)
  await credentials.forUpload(token)
  expect(backend.calls).toHaveLength(2)
})

test('a refusal is kept for five seconds', async () => {
  const { backend, credentials, clock } = await start()

  await expect(credentials.forUpload('new')).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
  await expect(credentials.forUpload('new')).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
  expect(backend.calls).toHaveLength(1)

  clock.advance(5_000)
  backend.logins.set('new', loginAnswer('anna'))
  expect((await credentials.forUpload('new')).userId).toBe('anna')
})

test('a backend that is down is asked again at once', async () => {
  const { backend, credentials } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  backend.fail({ kind: 'html', status: 502 }, 1)

  await expect(credentials.forUpload('good')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  expect((await credentials.forUpload('good')).userId).toBe('anna')
})

test('credentials that were valid once serve running uploads while the backend is down', async () => {
  const { backend, credentials, clock } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  await credentials.forUpload('good')
  clock.advance(2 * HOUR)
  backend.fail({ kind: 'status', status: 503 })

  expect((await credentials.forRunningUpload('good')).userId).toBe('anna')
  await expect(credentials.forUpload('good')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  await expect(credentials.forRunningUpload('other')).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
  })
})

test('credentials that were valid once serve only what runs, while the backend is down', async () => {
  const { backend, credentials, clock } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  const runs = vi.fn(async () => false)
  expect((await credentials.forRunningUpload('good', runs)).userId).toBe('anna')
  expect(runs).not.toHaveBeenCalled()
  clock.advance(2 * HOUR)
  backend.fail({ kind: 'status', status: 503 })

  await expect(credentials.forRunningUpload('good', runs)).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
  })
  expect(runs).toHaveBeenCalledWith(expect.objectContaining({ userId: 'anna' }))
  expect((await credentials.forRunningUpload('good', async () => true)).userId).toBe('anna')
})

test('a refusal ends credentials that were valid once', async () => {
  const { backend, credentials, clock } = await start()
  backend.logins.set('good', loginAnswer('anna'))
  await credentials.forUpload('good')
  clock.advance(2 * HOUR)
  backend.logins.delete('good')

  await expect(credentials.forRunningUpload('good')).rejects.toMatchObject({
    code: 'TOKEN_REFUSED',
  })
  clock.advance(5_000)
  backend.fail({ kind: 'status', status: 503 })
  await expect(credentials.forRunningUpload('good')).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
  })
})

test('a download token grants a download in one call and no upload', async () => {
  const { backend, credentials } = await start()
  const token = makeJwt({ user_id: 'anna', file_id: 'f', exp: 4_000_000_000 })
  backend.downloads.set(token, downloadAnswer('anna', { message_id: 17 }))

  expect(await credentials.forDownload(token)).toMatchObject({
    kind: 'download',
    messageId: 17,
    credentials: { userId: 'anna', botToken: null },
  })
  expect(backend.calls.map((call) => call.path)).toEqual([VERIFY])
  await credentials.forDownload(token)
  expect(backend.calls).toHaveLength(1)

  await expect(credentials.forUpload(token)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
})

test('a login token downloads after one question to the backend, and an opaque token after two', async () => {
  const { backend, credentials } = await start()
  const token = makeJwt({ sub: 'anna', exp: 4_000_000_000 })
  backend.logins.set(token, loginAnswer('anna'))
  backend.logins.set('opaque', loginAnswer('bert'))

  const grant = await credentials.forDownload(token)
  expect(grant).toMatchObject({ kind: 'login', messageId: null, credentials: { userId: 'anna' } })
  expect(grant.credentials.botToken).not.toBeNull()
  expect(backend.calls.map((call) => call.path)).toEqual([LOGIN])

  expect((await credentials.forDownload('opaque')).credentials.userId).toBe('bert')
  expect(backend.calls.map((call) => call.path)).toEqual([LOGIN, VERIFY, LOGIN])
})

test('a token that lies about its kind gets what the backend says', async () => {
  const { backend, credentials } = await start()
  const token = makeJwt({ sub: 'anna', exp: 4_000_000_000 })
  backend.downloads.set(token, downloadAnswer('anna'))

  expect((await credentials.forDownload(token)).kind).toBe('download')
  await expect(credentials.forDownload('nobody')).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
})

test('an account without Telegram gets TELEGRAM_NOT_CONFIGURED, not a refused token', async () => {
  const { backend, credentials } = await start()
  backend.fail({ kind: 'status', status: 500, body: { detail: '400: Telegram not configured' } })

  await expect(credentials.forDownload('any')).rejects.toMatchObject({
    code: 'TELEGRAM_NOT_CONFIGURED',
    details: { detail: 'Telegram not configured' },
  })
  expect(backend.calls).toHaveLength(1)
})

test('the cache remembers no more tokens than allowed', async () => {
  const { backend, credentials } = await start({ maxEntries: 2 })
  for (const token of ['a', 'b', 'c']) {
    backend.logins.set(token, loginAnswer(token))
    await credentials.forUpload(token)
  }

  await credentials.forUpload('c')
  expect(backend.calls).toHaveLength(3)
  await credentials.forUpload('a')
  expect(backend.calls).toHaveLength(4)
})

interface Clock {
  now: () => number
  advance: (ms: number) => void
}

async function start(options: { maxEntries?: number } = {}): Promise<{
  backend: FakeBackend
  credentials: CredentialsProvider
  clock: Clock
}> {
  const backend = await startBackend()
  const client = createBackendClient({ baseUrl: backend.url, log: createRecordingLog() })
  let time = 1_762_700_000_000
  const clock = {
    now: () => time,
    advance: (ms: number) => {
      time += ms
    },
  }
  const credentials = createBackendCredentials({
    client,
    now: clock.now,
    elapsed: clock.now,
    ...options,
  })
  return { backend, credentials, clock }
}
