import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Emulator } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import {
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { spawnWorkerProcess, startWorkerProcess } from '../helpers/worker/worker-process.ts'

const GRACE_MS = 12_000
const CHUNK = 128 * KiB

test('after a SIGTERM under load the next instance goes on, and each file is posted once', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const env = { SHUTDOWN_GRACE_MS: String(GRACE_MS) }
  const first = await startWorkerProcess(telegram, dataDir, env)
  const big = randomBytes(8 * MiB)
  const { messageId } = await uploadFile(first.url, 'big.bin', big, { token: 'main' })
  const whole = await Promise.all(times(5, () => sendWhole(first.url, 2 * MiB)))
  telegram.settings.change({ bandwidthPerConnection: 256 * KiB, latencyMs: 20 })
  const second = await spawnWorkerProcess(telegram, dataDir, env)
  await vi.waitFor(() => expect(second.output()).toContain('waiting for it'))

  const transfers = await Promise.all(whole.map((upload) => complete(first.url, upload)))
  const uploads = times(10, () => uploadSlowly([first.url, second.url], 12 * CHUNK))
  const downloads = times(5, () => download(downloadUrl(first.url, messageId, 'main')))
  await vi.waitFor(() => {
    const { partsReceived, methods } = telegram.counters.read()
    // The big file's 16 parts, and some of the five.
    expect(partsReceived).toBeGreaterThan(16)
    expect(methods['upload.getFile']?.calls).toBeGreaterThan(1)
  })
  const running = await Promise.all(transfers.map(({ id }) => statusOf(first.url, id)))
  const exitCode = await first.stop('SIGTERM')
  telegram.settings.change({ bandwidthPerConnection: null, latencyMs: 0 })
  await second.healthy()

  const ends = await Promise.all(transfers.map(({ id }) => pollToEnd(second.url, id)))
  const sent = await Promise.all(uploads)
  const answers = await Promise.all(downloads)
  expect(running).toContain('uploading')
  expect(exitCode).toBe(0)
  expect(ends.map((polls) => polls.at(-1)?.status)).toEqual(times(5, () => 'completed'))
  // A download is whole, or cut where its reader can see it, and what came is right.
  for (const { bytes, whole: isWhole } of answers) {
    expect(isWhole).toBe(bytes.length === big.length)
    expect(big.subarray(0, bytes.length).equals(bytes)).toBe(true)
  }
  const digests = [sha256(big), ...transfers.map((one) => one.digest), ...sent]
  expect((await posted(telegram)).sort()).toEqual(digests.sort())
  expect(telegram.counters.read().keysKilled).toBe(0)
})

test('Telegram is disconnected before slow clients are waited for, and new requests are refused with the reason', async () => {
  const telegram = await startTelegram()
  // A quarter of it is for the slow client.
  const env = { SHUTDOWN_GRACE_MS: '60000' }
  const worker = await startWorkerProcess(telegram, await makeTempDir(), env)
  await uploadFile(worker.url, 'a.bin', randomBytes(MiB), { token: 'main' })
  expect(open(telegram)).toBe(1)
  const slow = startSlowUpload(worker.url)
  await slow.begun

  const stopped = worker.stop('SIGTERM')
  await vi.waitFor(() => {
    expect(open(telegram)).toBe(0)
    expect(worker.output()).toContain('disconnected from Telegram')
  })

  expect(worker.alive).toBe(true)
  expect(await stopped).toBe(0)
  await slow.ended
})

test('while nearly complete transfers end, requests are refused with 503 and their connections closed', async () => {
  const telegram = await startTelegram()
  const env = { SHUTDOWN_GRACE_MS: '60000' }
  const worker = await startWorkerProcess(telegram, await makeTempDir(), env)
  const held = telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'silence' } })
  const upload = await sendWhole(worker.url, 3 * MiB)
  await complete(worker.url, upload)
  await vi.waitFor(() => expect(callsToPost(telegram)).toBe(1))

  const stopped = worker.stop('SIGTERM')
  await vi.waitFor(async () => {
    const refused = await fetch(`${worker.url}/health`)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('connection')).toBe('close')
    expect(refused.headers.has('retry-after')).toBe(true)
    expect(await refused.json()).toMatchObject({ code: 'SHUTTING_DOWN' })
  })
  const again = worker.stop('SIGTERM')
  telegram.faults.remove(held)
  telegram.faults.cutConnections()

  expect([await stopped, await again]).toEqual([0, 0])
  expect(await posted(telegram)).toEqual([upload.digest])
})

test('a worker that waits for the data directory of another one can be stopped at once', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const first = await startWorkerProcess(telegram, dataDir)
  const second = await spawnWorkerProcess(telegram, dataDir)
  await vi.waitFor(() => expect(second.output()).toContain('waiting for it'))

  expect(await second.stop('SIGTERM')).toBe(0)

  expect((await fetch(`${first.url}/health`)).status).toBe(200)
})

interface Whole {
  id: string
  digest: string
}

/** All chunks of a new file; not completed. */
async function sendWhole(url: string, size: number): Promise<Whole> {
  const bytes = randomBytes(size)
  const { uploadId } = await sendChunks(url, 'w.bin', bytes, { token: 'main', chunkSize: MiB })
  return { id: uploadId, digest: sha256(bytes) }
}

async function complete(url: string, upload: Whole): Promise<Whole> {
  expect((await postJson(`${url}/complete-upload`, { uploadId: upload.id })).status).toBe(200)
  return upload
}

/** Chunk by chunk at whichever of the workers takes it, as long as it takes; resolves with the digest. */
async function uploadSlowly(urls: string[], size: number): Promise<string> {
  const bytes = randomBytes(size)
  const uploadId = newUploadId()
  const totalChunks = size / CHUNK
  const fields = { uploadId, totalChunks, fileName: 's.bin', fileSize: size, authToken: 'main' }
  for (let chunkIndex = 0; chunkIndex < totalChunks; chunkIndex++) {
    const chunk = bytes.subarray(chunkIndex * CHUNK, (chunkIndex + 1) * CHUNK)
    await insist(urls, (url) => postChunk(url, { ...fields, chunkIndex, chunk }))
    await wait(100)
  }
  await insist(urls, (url) => postJson(`${url}/complete-upload`, { uploadId }))
  expect(await endAnywhere(urls, uploadId)).toBe('completed')
  return sha256(bytes)
}

/** Asks one after the other until one of them says yes. */
async function insist(urls: string[], ask: (url: string) => Promise<Response>): Promise<void> {
  for (;;) {
    for (const url of urls) {
      const answer = await ask(url).catch(() => null)
      await answer?.arrayBuffer().catch(() => {})
      if (answer?.ok) return
    }
    await wait(50)
  }
}

/** How the upload ended, as the instance that knows it says. */
async function endAnywhere(urls: string[], uploadId: string): Promise<string> {
  for (;;) {
    for (const url of urls) {
      const status = await statusOf(url, uploadId).catch(() => undefined)
      if (status === 'completed' || status === 'failed') return status
    }
    await wait(50)
  }
}

async function statusOf(url: string, uploadId: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/upload-progress/${uploadId}`)
  return ((await answer.json()) as { status?: string }).status
}

/** As much as comes, and whether it was the whole. */
function download(url: string): Promise<{ bytes: Buffer; whole: boolean }> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const end = (whole: boolean): void => resolve({ bytes: Buffer.concat(chunks), whole })
    const asked = request(url, (response) => {
      response.on('data', (bytes: Buffer) => chunks.push(bytes))
      response.on('end', () => end(response.complete))
      response.on('error', () => end(false))
    })
    asked.on('error', () => end(false))
    asked.end()
  })
}

/** A chunk that is announced and never comes to its end. */
function startSlowUpload(url: string): { begun: Promise<void>; ended: Promise<void> } {
  const asked = request(`${url}/upload-chunk`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': String(MiB) },
  })
  const ended = new Promise<void>((resolve) => {
    asked.on('response', (response) => response.resume().on('close', resolve))
    asked.on('error', () => resolve())
  })
  const begun = new Promise<void>((resolve) => {
    const head =
      '--b\r\ncontent-disposition: form-data; name="chunk"; filename="blob"\r\n\r\nsome bytes'
    asked.write(head, () => resolve())
  })
  return { begun, ended }
}

const callsToPost = ({ counters }: Emulator): number | undefined =>
  counters.read().methods['messages.sendMedia']?.calls

const posted = async ({ account, messages }: Emulator): Promise<(string | null)[]> =>
  (await messages(account.channelId)).map((message) => message.sha256)

const open = ({ counters }: Emulator): number =>
  Object.values(counters.read().mainConnectionsOpen).reduce((total, one) => total + one, 0)

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
