import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { completeAndPoll, postJson, sendChunks, uploadFile } from '../helpers/callers/client.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'

test('a flood wait is obeyed and shown', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' } as const
  telegram.faults.add({ method: 'upload.saveFilePart', effect, times: 1 })
  const { uploadId } = await sendChunks(url, 'a.bin', randomBytes(3 * MiB), { token: 'ann' })

  const polls = await completeAndPoll(url, uploadId)

  const waits = polls.filter((poll) => poll.phase === 'waiting').map((poll) => poll.retryAfter)
  expect(waits.length).toBeGreaterThan(0)
  expect(waits.every((seconds) => seconds === 1 || seconds === 2)).toBe(true)
  expect(polls.at(-1)).toMatchObject({ status: 'completed', retryAfter: null })
})

test('an upload with a long wait keeps no slot that another user needs', async () => {
  const { url, telegram, addUser } = await startTeleStore({ env: { MAX_CONCURRENT_UPLOADS: '1' } })
  for (const name of ['ann', 'bob']) {
    addUser(name, telegram.createAccount({ label: name, withBot: false }))
  }
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_3600' } as const
  telegram.faults.add({ method: 'upload.saveFilePart', account: 'ann', effect })
  const waiting = await sendChunks(url, 'a.bin', randomBytes(MiB), { token: 'ann' })
  await postJson(`${url}/complete-upload`, { uploadId: waiting.uploadId })
  const progress = async () => (await fetch(`${url}/upload-progress/${waiting.uploadId}`)).json()
  await vi.waitFor(async () => expect(await progress()).toMatchObject({ phase: 'waiting' }))

  const { uploadId } = await sendChunks(url, 'b.bin', randomBytes(MiB), { token: 'bob' })
  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed' })
  const { phase, retryAfter } = (await progress()) as { phase: string; retryAfter: number }
  expect(phase).toBe('waiting')
  expect(retryAfter).toBeGreaterThan(3500)
})

test('a revoked session fails at once with its reason', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  const ann = telegram.createAccount({ label: 'ann', withBot: false })
  addUser('ann', ann)
  telegram.faults.revokeKey(ann.authKeyId ?? '', 'unregister')
  const { uploadId } = await sendChunks(url, 'b.bin', randomBytes(MiB), { token: 'ann' })

  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'failed', reason: 'Telegram session not authorized' })
})

test('a file that was posted while the backend was down is reported once, after a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'telestore-outbox-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const env = { WEBHOOK_SECRET: 'shared with the backend' }
  const before = await startTeleStore({ dataDir, env })
  const { telegram, backend } = before
  const { uploadId } = await sendChunks(before.url, 'c.bin', randomBytes(100), { token: 'main' })
  await backend.stop()
  const end = (await completeAndPoll(before.url, uploadId)).at(-1)
  await before.close()

  await backend.resume()
  await startTeleStore({ dataDir, env, telegram, backend })

  await vi.waitFor(() => expect(backend.webhooks).toHaveLength(1))
  expect(backend.webhooks[0]).toMatchObject({ fileName: 'c.bin', messageId: end?.messageId })
  const [call] = backend.callsTo('/api/webhook/upload')
  expect(call?.headers['idempotency-key']).toEqual(expect.any(String))
  expect(call?.headers['x-telestore-signature']).toMatch(/^sha256=[0-9a-f]{64}$/)
})

test('a hundred chunks at once ask the backend once', async () => {
  const { url, backend } = await startTeleStore()

  await uploadFile(url, 'd.bin', randomBytes(100_000), {
    token: 'main',
    chunkSize: 1000,
    parallel: 100,
  })

  expect(backend.callsTo('/api/worker/credentials')).toHaveLength(1)
})

test.each([
  ['is down', (backend: Backend) => backend.stop()],
  ['answers HTML', async (backend: Backend) => backend.fail({ kind: 'html', status: 502 }, 99)],
  ['answers half', async (backend: Backend) => backend.fail({ kind: 'half' }, 99)],
])('a backend that %s is answered with 503 and Retry-After', async (_name, spoil) => {
  const { url, backend } = await startTeleStore()
  await spoil(backend)

  const refused = sendChunks(url, 'e.bin', randomBytes(10), { token: 'main' })

  await expect(refused).rejects.toThrow(/503.*BACKEND_UNAVAILABLE/)
})

type Backend = Awaited<ReturnType<typeof startTeleStore>>['backend']
