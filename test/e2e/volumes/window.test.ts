import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createClient } from '../../../packages/client/src/client.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { openBrowser } from '../../helpers/callers/browser.ts'
import {
  completeAndPoll,
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  sha256,
} from '../../helpers/callers/client.ts'
import { makeTusUpload, offsetOf, uploadIdOf } from '../../helpers/callers/tus.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { watchSpool } from '../../helpers/storage/watch-spool.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startTeleStore } from '../../helpers/worker/telestore.ts'
import { startWorkerProcess } from '../../helpers/worker/worker-process.ts'

/** Files of more than 64 MB pass such a spool in volumes of 16. */
const SMALL = { SPOOL_MAX_BYTES: '64MB', MAX_BYTES_PER_USER: '64MB', VOLUME_BYTES: '16MB' }
/** Two volumes and nine chunks of 1 MB. */
const MOST_BYTES = 41 * MiB
const main = { token: 'main' }
/** No volume comes to its end. */
const SLOW = { bandwidthPerConnection: 64 * KiB }
const FAST = { bandwidthPerConnection: null }

async function download(url: string, messageId: number | null | undefined): Promise<string> {
  const hash = createHash('sha256')
  const { body } = await fetch(downloadUrl(url, messageId ?? null, 'link-main'))
  for await (const piece of body ?? []) hash.update(piece)
  return hash.digest('hex')
}

test('eight senders on six connections get a large file through a small spool, in any order of a few', async () => {
  const { url, dataDir } = await startTeleStore({ env: SMALL })
  const spool = watchSpool(dataDir)
  const bytes = randomBytes(100 * MiB + 7)
  // Neighbours change places, as where chunks are sent again.
  const order = Array.from({ length: 104 }, (_, index) => index ^ 3).filter((index) => index < 101)

  const browser = openBrowser()
  const uploadId = await browser.sendAll(url, bytes, {
    ...{ ...main, chunkSize: MiB, parallel: 8 },
    order,
  })
  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  expect(await download(url, end?.messageId)).toBe(sha256(bytes))
  expect(spool.mostBytes()).toBeLessThanOrEqual(MOST_BYTES)
})

test('a chunk that all others wait for comes through, though all six connections are taken', async () => {
  const { url } = await startTeleStore({ env: SMALL })
  const bytes = randomBytes(70 * MiB)
  const browser = openBrowser()

  const allHeld = async (): Promise<void> => {
    const figures = (await (await fetch(`${url}/metrics`)).json()) as Figures
    expect(figures.chunks_held.requests).toBeGreaterThanOrEqual(5)
  }
  const late = { index: 3, until: () => vi.waitFor(allHeld, { timeout: 60_000, interval: 20 }) }

  const options = { ...main, chunkSize: MiB, parallel: 8, late }
  const uploadId = await browser.sendAll(url, bytes, options)
  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  expect(browser.answers.get(503)).toBeGreaterThan(0)
})

test('eight senders that give up after three tries get a file through a bot alone, whose volumes are small', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  const account = telegram.createAccount({ label: 'bob', withUser: false })
  addUser('bob', account, { telegram_api_id: null, telegram_api_hash: null })
  // Longer than three tries take.
  const effect = { kind: 'latency', ms: 2_500 } as const
  telegram.faults.add({ method: 'bot:sendDocument', effect })
  const bytes = randomBytes(65 * MiB)

  const options = { token: 'bob', chunkSize: 5 * MiB, parallel: 8 }
  const browser = openBrowser()
  const uploadId = await browser.sendAll(url, bytes, options)
  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  expect(Object.fromEntries(browser.answers)).toEqual({ 200: 13 })
})

test('a client that sends one chunk after another, and gives up after three tries, gets it through', async () => {
  const { url, dataDir, telegram } = await startTeleStore({ env: SMALL })
  telegram.settings.change({ bandwidthPerConnection: 4 * MiB })
  const spool = watchSpool(dataDir)
  const bytes = randomBytes(90 * MiB)

  const browser = openBrowser()
  const options = { ...main, chunkSize: 5 * MiB, parallel: 1 }
  const uploadId = await browser.sendAll(url, bytes, options)
  telegram.settings.change(FAST)
  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  expect(Object.fromEntries(browser.answers)).toEqual({ 200: 18 })
  // Two volumes, the chunk across the border of what is posted, and the one that waits.
  expect(spool.mostBytes()).toBeLessThanOrEqual(32 * MiB + 2 * 5 * MiB)
})

test('the client package sends a large file, and a chunk far ahead is no try of it', async () => {
  const { url, dataDir } = await startTeleStore({ env: SMALL })
  const spool = watchSpool(dataDir)
  const bytes = randomBytes(90 * MiB)
  const client = createClient({ url, ...main })

  const file = new File([new Uint8Array(bytes)], 'film.mkv')
  const job = client.upload(file, { parallel: 8, attempts: 1 })

  expect(await job.done).toMatchObject({ sha256: sha256(bytes) })
  // Its fields come before the bytes, so that no more of these are taken than there is room for.
  expect(spool.mostBytes()).toBeLessThanOrEqual(32 * MiB + 2 * 5 * MiB)
})

test('a tus client sends a large file in one request, which stands still meanwhile', async () => {
  const { url, dataDir } = await startTeleStore({ env: SMALL })
  const spool = watchSpool(dataDir)
  const bytes = randomBytes(80 * MiB + 3)
  const chunkSize = Number.POSITIVE_INFINITY
  const { upload, finished } = makeTusUpload(url, bytes, { ...main, chunkSize, retryDelays: [] })

  upload.start()
  const end = (await pollToEnd(url, await finished)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  expect(spool.mostBytes()).toBeLessThanOrEqual(MOST_BYTES)
})

test('a request of a tus client that stands still lets HEAD through, and the client goes on from there', async () => {
  const { url, telegram } = await startTeleStore({ env: SMALL })
  telegram.settings.change(SLOW)
  const bytes = randomBytes(70 * MiB)
  const chunkSize = Number.POSITIVE_INFINITY
  const first = makeTusUpload(url, bytes, { ...main, chunkSize, retryDelays: [] })
  first.upload.start()
  await vi.waitFor(() => expect(first.upload.url).not.toBeNull())
  const uploadId = uploadIdOf(first.upload)
  await vi.waitFor(async () => expect(await receivedOf(url, uploadId)).toBe(6))

  expect(await offsetOf(url, uploadId, 'main')).toBeLessThanOrEqual(40 * MiB)

  telegram.settings.change(FAST)
  await first.upload.abort()
  const uploadUrl = `${url}/files/${uploadId}`
  const again = makeTusUpload(url, bytes, { ...main, uploadUrl })
  again.upload.start()
  const end = (await pollToEnd(url, await again.finished)).at(-1)
  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
})

test('parts of a concatenation that do not fit together are refused with a word about what would', async () => {
  const { url } = await startTeleStore({ env: SMALL })
  const bytes = randomBytes(90 * MiB)
  const parallel = { parallelUploads: 3, retryDelays: [] }
  const { upload, finished } = makeTusUpload(url, bytes, { ...main, ...parallel })

  upload.start()

  await expect(finished).rejects.toThrow(/send it with parallelUploads: 1/)
})

test('a chunk of a volume that is posted may come again, and with other bytes it may not', async () => {
  const { url } = await startTeleStore({ env: SMALL })
  const bytes = randomBytes(80 * MiB)
  const chunkSize = 5 * MiB
  const file = { uploadId: newUploadId(), fileName: 'a.bin', fileSize: bytes.length }
  const first = { ...file, totalChunks: 16, chunkIndex: 0, authToken: 'main' }
  const order = Array.from({ length: 9 }, (_, index) => index)
  await sendChunks(url, 'a.bin', bytes, { ...main, chunkSize, order, uploadId: file.uploadId })

  const same = await postChunk(url, { ...first, chunk: bytes.subarray(0, chunkSize) })
  const other = await postChunk(url, { ...first, chunk: randomBytes(chunkSize) })

  expect(same.status).toBe(200)
  expect(other.status).toBe(409)
  expect(await other.json()).toMatchObject({ code: 'CHUNK_DIFFERS' })
})

test('the bytes of a held request go when its client hangs up, or its upload is cancelled', async () => {
  const { url, telegram, dataDir } = await startTeleStore({ env: SMALL })
  telegram.settings.change(SLOW)
  const { uploadId, send } = await fillWindow(url)
  const temporary = () => readdir(join(dataDir, 'spool', 'tmp'))
  const leaving = new AbortController()

  const left = expect(send(7, leaving.signal)).rejects.toThrow()
  await vi.waitFor(async () => expect(await temporary()).toHaveLength(1))
  leaving.abort()
  await left
  await vi.waitFor(async () => expect(await temporary()).toEqual([]))

  const cancelled = send(8)
  await vi.waitFor(async () => expect(await temporary()).toHaveLength(1))
  await postJson(`${url}/cancel-upload`, { uploadId })
  expect((await cancelled).status).toBe(410)
  await vi.waitFor(async () => expect(await temporary()).toEqual([]))
})

test('SIGTERM answers a held request with 503, and nothing of it is left after SIGKILL', async () => {
  const telegram = await startTelegram()
  telegram.settings.change(SLOW)
  const dataDir = await makeTempDir()
  const temporary = () => readdir(join(dataDir, 'spool', 'tmp'))
  const first = await startWorkerProcess(telegram, dataDir, SMALL)
  const { send, sendTo } = await fillWindow(first.url)
  const held = send(7)
  await vi.waitFor(async () => expect(await temporary()).toHaveLength(1))

  const stopping = first.stop('SIGTERM')
  const answer = await held
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    503,
    'SHUTTING_DOWN',
  ])
  await stopping

  const second = await startWorkerProcess(telegram, dataDir, SMALL)
  const cut = sendTo(second.url, 7).catch(() => {})
  await vi.waitFor(async () => expect(await temporary()).toHaveLength(1))
  await second.stop('SIGKILL')
  await cut
  expect(await temporary()).toHaveLength(1)
  await startWorkerProcess(telegram, dataDir, SMALL)
  expect(await temporary()).toEqual([])
})

interface Figures {
  chunks_held: { requests: number }
}

async function receivedOf(url: string, uploadId: string): Promise<number> {
  const status = await fetch(`${url}/upload-status/${uploadId}`)
  return ((await status.json()) as { received_chunks: number }).received_chunks
}

/** Fills the window of an upload of 90 MB with six chunks of five; Telegram takes none of it. */
async function fillWindow(url: string) {
  const bytes = randomBytes(90 * MiB)
  const chunkSize = 5 * MiB
  const order = [0, 1, 2, 3, 4, 5]
  const { uploadId } = await sendChunks(url, 'a.bin', bytes, { ...main, chunkSize, order })
  const file = { uploadId, fileName: 'a.bin', fileSize: bytes.length, totalChunks: 18 }

  function sendTo(address: string, chunkIndex: number, signal?: AbortSignal): Promise<Response> {
    const chunk = bytes.subarray(chunkIndex * chunkSize, (chunkIndex + 1) * chunkSize)
    return postChunk(address, { ...file, chunkIndex, authToken: 'main', chunk }, 'first', signal)
  }
  return {
    uploadId,
    sendTo,
    send: (index: number, signal?: AbortSignal) => sendTo(url, index, signal),
  }
}
