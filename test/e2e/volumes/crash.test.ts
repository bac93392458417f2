import { setTimeout as wait } from 'node:timers/promises'
import type { Emulator } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { bytesOf } from '../../chaos/random.ts'
import {
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sha256,
} from '../../helpers/callers/client.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess, type WorkerProcess } from '../../helpers/worker/worker-process.ts'

/** Larger than what goes as a small file, so that parts are sent before a volume is whole. */
const VOLUME = 11 * MiB
const COUNT = 5
/** The last volume is no small file either, so that the manifest alone is one. */
const SIZE = (COUNT - 1) * VOLUME + 10 * MiB + 12_345
const CHUNK = 4 * MiB
const bytes = bytesOf('volumes-crash', SIZE)
const NAMES = [
  ...Array.from({ length: COUNT }, (_, index) => `film.mkv.00${index + 1}`),
  'film.mkv.telestore.json',
]
const SPOOL = { VOLUME_BYTES: String(VOLUME), SPOOL_MAX_BYTES: String(3 * VOLUME) }

type Fault = Parameters<Emulator['faults']['add']>[0]

const PHASES: [string, Fault, (telegram: Emulator) => Promise<void>][] = [
  [
    'while the second volume is sent',
    { method: 'upload.saveBigFilePart', effect: { kind: 'silence' }, after: 30 },
    async (telegram) => expect(telegram.counters.read().partsReceived).toBeGreaterThan(25),
  ],
  [
    'between the post of the second volume and its row',
    { method: 'messages.sendMedia', effect: { kind: 'lose-answer' }, after: 1 },
    async (telegram) => expect(await postsOf(telegram)).toHaveLength(2),
  ],
  [
    'between the last volume and the manifest',
    { method: 'upload.saveFilePart', effect: { kind: 'silence' } },
    async (telegram) =>
      expect(telegram.counters.read().methods['upload.saveFilePart']?.calls).toBeGreaterThan(0),
  ],
  [
    'between the post of the manifest and its row',
    { method: 'messages.sendMedia', effect: { kind: 'lose-answer' }, after: COUNT },
    async (telegram) => expect(await postsOf(telegram)).toHaveLength(COUNT + 1),
  ],
]

test.each([
  ...PHASES.map((phase) => ['user', ...phase] as const),
  ...PHASES.slice(1, 2).map((phase) => ['bot', ...phase] as const),
])(
  '%s: a worker that is killed %s posts every volume and the manifest once',
  async (way, _phase, fault, reached) => {
    const telegram = await startTelegram()
    const dataDir = await makeTempDir()
    const env = { ...SPOOL, ...(way === 'bot' && asBot(telegram)) }
    const rule = telegram.faults.add(fault)
    const before = await startWorkerProcess(telegram, dataDir, env)
    const sender = send(before)
    await vi.waitFor(() => reached(telegram), { timeout: 60_000 })

    await before.stop('SIGKILL')
    telegram.faults.remove(rule)
    sender.worker = await startWorkerProcess(telegram, dataDir, env)
    const end = (await pollToEnd(sender.worker.url, await sender.completed)).at(-1)

    expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
    const posts = await telegram.messages(telegram.account.channelId)
    expect(posts.map(({ fileName }) => fileName)).toEqual(NAMES)
    expect(posts.slice(0, COUNT).map((post) => post.sha256)).toEqual(
      Array.from({ length: COUNT }, (_, index) =>
        sha256(bytes.subarray(index * VOLUME, (index + 1) * VOLUME)),
      ),
    )
    expect(end?.messageId).toBe(posts.at(-1)?.id)
    await expectSame(sender.worker, end)
  },
  120_000,
)

test('a bot alone: a file comes back whole from a worker that was killed', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const alone = { ...asBot(telegram), TELEGRAM_API_ID: '', TELEGRAM_API_HASH: '' }
  const env = { ...SPOOL, ...alone }
  const rule = telegram.faults.add({
    method: 'bot:sendDocument',
    effect: { kind: 'silence' },
    after: 2,
  })
  const before = await startWorkerProcess(telegram, dataDir, env)
  const sender = send(before)
  await vi.waitFor(async () => expect(await postsOf(telegram)).toHaveLength(2), 60_000)

  await before.stop('SIGKILL')
  telegram.faults.remove(rule)
  sender.worker = await startWorkerProcess(telegram, dataDir, env)
  const end = (await pollToEnd(sender.worker.url, await sender.completed)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  await expectSame(sender.worker, end)
}, 120_000)

test('what was posted of a cancelled upload is deleted, though the worker is killed meanwhile', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  // Two volumes are sent at a time: two of 22 parts can be whole by then, and the third one cannot.
  const held = telegram.faults.add({
    method: 'upload.saveBigFilePart',
    effect: { kind: 'silence' },
    after: 62,
  })
  const rule = telegram.faults.add({
    method: 'channels.deleteMessages',
    effect: { kind: 'silence' },
  })
  const before = await startWorkerProcess(telegram, dataDir, SPOOL)
  const sender = send(before)
  await vi.waitFor(async () => expect(await postsOf(telegram)).toHaveLength(2), 60_000)
  const { uploadId } = sender

  sender.stop()
  const cancelled = await postJson(`${before.url}/cancel-upload`, { uploadId })
  expect(cancelled.status).toBe(200)
  const tried = (): void =>
    expect(telegram.counters.read().methods['channels.deleteMessages']?.calls).toBeGreaterThan(0)
  await vi.waitFor(tried)
  await before.stop('SIGKILL')
  for (const fault of [held, rule]) telegram.faults.remove(fault)
  const after = await startWorkerProcess(telegram, dataDir, SPOOL)

  await vi.waitFor(async () => expect(await postsOf(telegram)).toEqual([]), 20_000)
  const figures = await fetch(`${after.url}/metrics`, { headers: { accept: 'text/plain' } })
  expect(await figures.text()).toMatch(/^telestore_volume_cleanups 0$/m)
}, 120_000)

function postsOf(telegram: Emulator) {
  return telegram.messages(telegram.account.channelId)
}

function asBot({ account }: Emulator): Record<string, string> {
  return { TELEGRAM_SESSION: '', TELEGRAM_BOT_TOKEN: account.botToken ?? '' }
}

/** A sender that does not give up: whatever becomes of the worker, it goes on with the next one. */
function send(first: WorkerProcess) {
  const uploadId = newUploadId()
  const totalChunks = Math.ceil(SIZE / CHUNK)
  const file = { uploadId, fileName: 'film.mkv', fileSize: SIZE, totalChunks, authToken: 'main' }
  let stopped = false

  async function untilOk(request: (url: string) => Promise<Response>): Promise<void> {
    while (!stopped) {
      const answer = await request(sender.worker.url).catch(() => null)
      const text = await answer?.text().catch(() => null)
      if (answer?.ok && text !== null) return
      // Told to wait, or its worker has died.
      if (!stopped && answer !== null && answer.status !== 503)
        throw new Error(`${answer.status} ${text}`)
      await wait(200)
    }
  }

  async function sendAll(): Promise<string> {
    for (let index = 0; index < totalChunks; index++) {
      const chunk = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
      await untilOk((url) => postChunk(url, { ...file, chunkIndex: index, chunk }))
    }
    await untilOk((url) => postJson(`${url}/complete-upload`, { uploadId }))
    return uploadId
  }

  const sender = {
    uploadId,
    /** Set to the one that goes on. */
    worker: first,
    completed: Promise.resolve(uploadId),
    stop: (): void => {
      stopped = true
    },
  }
  sender.completed = sendAll()
  return sender
}

async function expectSame(
  { url }: WorkerProcess,
  end: { messageId: number | null; fileId?: string | null } | undefined,
): Promise<void> {
  const address = `${downloadUrl(url, end?.messageId ?? null, 'main')}&fileId=${end?.fileId}`
  const whole = await fetch(address)
  expect(whole.status).toBe(200)
  expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(sha256(bytes))
}
