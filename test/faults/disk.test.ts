import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Emulator } from 'telegram-emulator'
import { describe, expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
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
import {
  canFreeze,
  canMount,
  mountFreezingDisk,
  mountSmallDisk,
} from '../helpers/storage/small-disk.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

describe.skipIf(!canMount)('a worker on a disk of 32 MB (needs the right to mount)', () => {
  test('an upload opens only where all of it fits, and its bytes stay reserved', async () => {
    const { url } = await startOnSmallDisk()
    const [first, second, third] = [newUploadId(), newUploadId(), newUploadId()]
    expect((await init(url, first, 3)).status).toBe(200)
    expect((await init(url, second, 2)).status).toBe(200)

    const refused = await init(url, third, 1)
    const ends = await Promise.all([
      sendChunks(url, 'a.bin', randomBytes(15 * MiB), { token: 'main', uploadId: first }),
      sendChunks(url, 'a.bin', randomBytes(10 * MiB), { token: 'main', uploadId: second }),
      expectFull(await init(url, newUploadId(), 1)),
    ])

    await expectFull(refused)
    expect(ends).toHaveLength(3)
  })

  test('a chunk that a neighbour leaves no space for is refused before it is received, and accepted once there is space', async () => {
    const { url, disk } = await startOnSmallDisk()
    const uploadId = newUploadId()
    await init(url, uploadId, 2)
    await disk.fill(2 * MiB)

    const refused = [
      await postChunk(url, chunkOf(uploadId, 0)),
      await postChunk(url, chunkOf(uploadId, 0), 'last'),
      await postChunk(url, chunkOf(newUploadId(), 0)),
      await init(url, newUploadId(), 1),
      await postSmall(url, randomBytes(5 * MiB)),
    ]

    for (const answer of refused) await expectFull(answer)
    expect(await readdir(join(disk.directory, 'spool', 'tmp'))).toEqual([])
    expect(await readdir(join(disk.directory, 'spool', 'uploads'))).toEqual([])
    await expectNotReady(url, 'The disk is almost full')
    await disk.clear()
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200))
    expect((await postChunk(url, chunkOf(uploadId, 0))).status).toBe(200)
  })

  test('on a full disk a transfer waits and a download goes on, and with space all is done once', async () => {
    const { url, disk, telegram } = await startOnSmallDisk()
    const earlier = randomBytes(3 * MiB)
    const { messageId } = await uploadFile(url, 'earlier.bin', earlier, { token: 'main' })
    const bytes = randomBytes(11 * MiB)
    telegram.settings.change({ bandwidthPerConnection: MiB / 16 })
    const { uploadId } = await sendChunks(url, 'a.bin', bytes, { token: 'main' })
    await postJson(`${url}/complete-upload`, { uploadId })

    await disk.fill()
    telegram.settings.change({ bandwidthPerConnection: null })
    const download = await fetch(downloadUrl(url, messageId, 'main'))
    expect(sha256(new Uint8Array(await download.arrayBuffer()))).toBe(sha256(earlier))
    await vi.waitFor(() => expect(telegram.counters.read().partsReceived).toBe(28))
    expect(await progressOf(url, uploadId)).toMatchObject({ status: 'uploading', error: null })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)

    await disk.clear()
    expect((await pollToEnd(url, uploadId)).at(-1)?.status).toBe('completed')
    expect(await postedDigests(telegram)).toEqual([sha256(earlier), sha256(bytes)])
  })

  test.each(['waits', 'is killed'])(
    'a file posted while its row cannot be written is posted once, when the worker %s',
    async (fate) => {
      const { url, disk, telegram, worker, restart } = await startOnSmallDisk()
      const bytes = randomBytes(11 * MiB)
      const { uploadId } = await sendChunks(url, 'a.bin', bytes, { token: 'main' })
      const effect = { kind: 'lose-answer' } as const
      telegram.faults.add({ method: 'messages.sendMedia', effect, times: 1 })
      await postJson(`${url}/complete-upload`, { uploadId })
      await vi.waitFor(() => expect(telegram.counters.read().messagesPosted).toBe(1))

      await disk.fill()
      // It asks again, and finds what it has posted.
      telegram.faults.cutConnections()
      await vi.waitFor(() => expect(worker.output()).toContain('cannot be written yet'))
      const before = await progressOf(url, uploadId)
      if (fate === 'is killed') await worker.stop('SIGKILL')
      await disk.clear()
      const then = fate === 'is killed' ? await restart() : worker
      const end = (await pollToEnd(then.url, uploadId)).at(-1)

      expect(before).toMatchObject({ status: 'uploading', error: null })
      expect(end).toMatchObject({ status: 'completed', progress: 100 })
      expect(await postedDigests(telegram)).toEqual([sha256(bytes)])
    },
  )

  test('a read-only spool refuses chunks, transfers and downloads go on, and chunks go on once it is writable', async () => {
    const dataDir = await makeTempDir()
    const disk = await mountSmallDisk(32 * MiB, join(dataDir, 'spool'))
    const telegram = await startTelegram()
    const { url } = await startWorkerProcess(telegram, dataDir)
    const bytes = randomBytes(3 * MiB)
    const { uploadId } = await sendChunks(url, 'a.bin', bytes, { token: 'main' })
    disk.makeReadOnly()

    const chunk = await postChunk(url, chunkOf(newUploadId(), 0))
    expect(chunk.status).toBe(503)
    expect(chunk.headers.get('retry-after')).toBe('10')
    expect(await chunk.json()).toMatchObject({ code: 'SPOOL_FAILED' })
    await expectNotReady(url, 'The disk cannot be used right now')
    await postJson(`${url}/complete-upload`, { uploadId })
    const end = (await pollToEnd(url, uploadId)).at(-1)
    const download = await fetch(downloadUrl(url, end?.messageId ?? null, 'main'))
    expect(sha256(new Uint8Array(await download.arrayBuffer()))).toBe(sha256(bytes))

    disk.makeWritable()
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200))
    expect((await postChunk(url, chunkOf(newUploadId(), 0))).status).toBe(200)
  })
})

describe.skipIf(!canFreeze)('a worker on a disk that hangs (needs loop devices)', () => {
  test('on a stalled disk chunks wait or are refused, everything else answers, and the chunks are accepted in the end', async () => {
    const dataDir = await makeTempDir()
    const disk = await mountFreezingDisk(join(dataDir, 'spool'))
    const telegram = await startTelegram()
    const { url } = await startWorkerProcess(telegram, dataDir)
    const earlier = randomBytes(2 * MiB)
    const { messageId } = await uploadFile(url, 'a.bin', earlier, { token: 'main' })
    const uploadId = newUploadId()
    await init(url, uploadId, 4)
    disk.freeze()

    const waiting = [0, 1, 2, 3].map((index) => postChunk(url, chunkOf(uploadId, index, 4)))
    await expectNotReady(url, 'The disk is slow')
    await vi.waitFor(async () => {
      const late = await postChunk(url, chunkOf(newUploadId(), 0))
      expect(await late.json()).toMatchObject({ code: 'SPOOL_FAILED' })
    })
    expect(await progressOf(url, uploadId)).toMatchObject({ status: 'uploading' })
    const download = await fetch(downloadUrl(url, messageId, 'main'))
    expect(sha256(new Uint8Array(await download.arrayBuffer()))).toBe(sha256(earlier))

    disk.thaw()
    const answers = await Promise.all(waiting)
    // The first one's wait tells those that come late what to expect.
    expect(answers.map(({ status }) => status)).toContain(200)
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 200) continue
      // Either the disk did not take it, or those before it had all places for so long.
      const { code } = (await answer.json()) as { code: string }
      expect(['SPOOL_FAILED', 'BUSY']).toContain(code)
      expect((await postChunk(url, chunkOf(uploadId, index, 4))).status).toBe(200)
    }
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200))
  })
})

async function startOnSmallDisk() {
  const disk = await mountSmallDisk(32 * MiB)
  const telegram = await startTelegram()
  const restart = () => startWorkerProcess(telegram, disk.directory)
  const worker = await restart()
  return { disk, telegram, worker, url: worker.url, restart }
}

/** Opens an upload of so many chunks of 5 MB. */
function init(url: string, uploadId: string, totalChunks: number): Promise<Response> {
  const fileSize = totalChunks * 5 * MiB
  const file = { uploadId, fileName: 'a.bin', totalChunks, fileSize, authToken: 'main' }
  return postJson(`${url}/init-upload`, file)
}

function chunkOf(uploadId: string, chunkIndex: number, totalChunks = 2) {
  const fileSize = totalChunks * 5 * MiB
  const chunk = randomBytes(5 * MiB)
  return {
    uploadId,
    chunkIndex,
    totalChunks,
    fileName: 'a.bin',
    fileSize,
    authToken: 'main',
    chunk,
  }
}

function postSmall(url: string, bytes: Buffer): Promise<Response> {
  const body = new FormData()
  body.append('file', new Blob([new Uint8Array(bytes)]), 'small.bin')
  body.append('authToken', 'main')
  return fetch(`${url}/upload`, { method: 'POST', body })
}

async function progressOf(url: string, uploadId: string): Promise<unknown> {
  return (await fetch(`${url}/upload-progress/${uploadId}`)).json()
}

async function expectFull(answer: Response): Promise<void> {
  expect(answer.status).toBe(507)
  expect(answer.headers.get('retry-after')).toBe('60')
  expect(await answer.json()).toMatchObject({ code: 'SPOOL_FULL', error: expect.any(String) })
}

async function expectNotReady(url: string, reason: string): Promise<void> {
  await vi.waitFor(async () => {
    const answer = await fetch(`${url}/readyz`)
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    const { dependencies } = (await answer.json()) as { dependencies: Record<string, unknown> }
    expect(dependencies.spool).toMatchObject({ ready: false, reason })
  })
}

async function postedDigests(telegram: Emulator): Promise<string[]> {
  const messages = await telegram.messages(telegram.account.channelId)
  return messages.map((message) => message.sha256)
}
