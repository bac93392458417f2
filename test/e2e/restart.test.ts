import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import {
  newUploadId,
  type ProgressBody,
  pollToEnd,
  postJson,
  sendChunks,
  sha256,
} from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

async function progressOf(url: string, uploadId: string): Promise<number> {
  const response = await fetch(`${url}/upload-progress/${uploadId}`)
  return ((await response.json()) as ProgressBody).progress
}

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telestore-process-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a transfer that %s has interrupted goes on where it was and posts once',
  async (signal) => {
    const telegram = await startTelegram()
    const dataDir = await dataFolder()
    const bytes = randomBytes(40 * MiB)
    const before = await startWorkerProcess(telegram, dataDir, { SHUTDOWN_GRACE_MS: '12000' })
    // The transfer cannot reach its end in any grace.
    const held = telegram.faults.add({
      method: 'upload.saveBigFilePart',
      effect: { kind: 'silence' },
      after: 30,
    })
    const { uploadId } = await sendChunks(before.url, 'a.bin', bytes, {
      token: 'main',
      order: [7, 3],
    })
    await sendChunks(before.url, 'a.bin', bytes, { token: 'main', uploadId })
    await postJson(`${before.url}/complete-upload`, { uploadId })
    await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBeGreaterThan(20))

    const shown = await progressOf(before.url, uploadId)
    const exitCode = await before.stop(signal)
    telegram.faults.remove(held)
    const after = await startWorkerProcess(telegram, dataDir)
    const polls = await pollToEnd(after.url, uploadId)
    const end = polls.at(-1)

    expect(exitCode).toBe(signal === 'SIGTERM' ? 0 : null)
    expect(end).toMatchObject({ status: 'completed', progress: 100, sha256: sha256(bytes) })
    expect(Math.min(...polls.map(({ progress }) => progress))).toBeGreaterThanOrEqual(shown)
    const messages = await telegram.messages(telegram.account.channelId)
    expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
    const { partsReceived, keysKilled } = telegram.counters.read()
    expect(keysKilled).toBe(0)
    // 80 parts, and those that were on their way or not yet noted.
    expect(partsReceived).toBeLessThan(120)
  },
)

test('an upload that was cancelled in the moment before a death stays cancelled', async () => {
  const telegram = await startTelegram()
  const dataDir = await dataFolder()
  const bytes = randomBytes(11 * MiB)
  const before = await startWorkerProcess(telegram, dataDir)
  const { uploadId } = await sendChunks(before.url, 'a.bin', bytes, { token: 'main', order: [0] })
  const cancelled = await postJson(`${before.url}/cancel-upload`, { uploadId })

  await before.stop('SIGKILL')
  const after = await startWorkerProcess(telegram, dataDir)
  const late = sendChunks(after.url, 'a.bin', bytes, { token: 'main', uploadId, order: [1] })

  expect(cancelled.status).toBe(200)
  await expect(late).rejects.toThrow('UPLOAD_CANCELLED')
  const [end] = await pollToEnd(after.url, uploadId)
  expect(end).toMatchObject({ status: 'failed', error: 'Upload failed: it was cancelled' })
})

test('all parts of a large file are in Telegram before complete is called', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  const bytes = randomBytes(20 * MiB)
  const uploadId = newUploadId()

  await sendChunks(url, 'b.bin', bytes, { token: 'ann', uploadId, order: [2, 0, 3, 1] })

  await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBe(40))
  expect(telegram.counters.read().messagesPosted).toBe(0)
  await postJson(`${url}/complete-upload`, { uploadId })
  expect((await pollToEnd(url, uploadId)).at(-1)?.status).toBe('completed')
  expect(telegram.counters.read()).toMatchObject({ partsReceived: 40, messagesPosted: 1 })
})

test('a cancelled upload stops asking Telegram', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  telegram.settings.change({ bandwidthPerConnection: MiB / 8 })
  const { uploadId } = await sendChunks(url, 'c.bin', randomBytes(20 * MiB), { token: 'ann' })

  await postJson(`${url}/cancel-upload`, { uploadId })

  telegram.settings.change({ bandwidthPerConnection: null })
  const { partsReceived } = telegram.counters.read()
  expect(partsReceived).toBeLessThan(40)
  expect((await pollToEnd(url, uploadId)).at(-1)).toMatchObject({ phase: 'cancelled' })
  expect(await telegram.messages(telegram.account.channelId)).toEqual([])
})
