import { randomBytes } from 'node:crypto'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { decodeCaption } from '../../../src/core/model/caption.ts'
import { AppError } from '../../../src/errors.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { postJson, sha256 } from '../../../test/helpers/callers/client.ts'
import { makePicture } from '../../../test/helpers/jpeg.ts'
import { createFakeGateway } from '../../../test/helpers/peers/fake-gateway.ts'
import { spoolUpload } from '../../../test/helpers/storage/spool-upload.ts'
import { makeTempDir } from '../../../test/helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../../test/helpers/worker/app.ts'
import { startTeleStore } from '../../../test/helpers/worker/telestore.ts'
import { createClient, type UploadProgress } from '../src/client.ts'
import { openFile } from '../src/node.ts'
import { startFaultProxy } from './fault-proxy.ts'

const token = 'token-ann'
const CHUNK = 'POST /upload-chunk'

async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  return { worker, gateway, proxy, client: createClient({ url: `${proxy.url}/`, token }) }
}

const makeFile = (bytes: Buffer, name = 'video.bin'): File =>
  new File([new Uint8Array(bytes)], name, { lastModified: 1_762_700_000_000 })

test('a file arrives in Telegram unchanged, and both bars reach their end', async () => {
  const { gateway, client } = await start()
  const bytes = randomBytes(1000 * KiB)
  const heard: UploadProgress[] = []

  const job = client.upload(makeFile(bytes, 'Grüße 🎉.bin'), {
    chunkSize: 100 * KiB,
    onProgress: (progress) => heard.push(progress),
  })
  const result = await job.done

  const posted = gateway.posted.map(({ name, bytes }) => ({ name, digest: sha256(bytes) }))
  expect(posted).toEqual([{ name: 'Grüße 🎉.bin', digest: sha256(bytes) }])
  expect(result).toMatchObject({ messageId: 1, size: bytes.length, uploadId: job.uploadId })
  expect(heard.at(-1)).toMatchObject({
    phase: 'completed',
    sentBytes: bytes.length,
    totalBytes: bytes.length,
    telegramPercent: 100,
  })
  const phases = [...new Set(heard.map(({ phase }) => phase))]
  expect(phases).toEqual(['opening', 'sending', 'telegram', 'completed'])
})

test.each([
  ['its time', 1_762_700_000_123, 1_762_700_000_123],
  ['the first moment', 0, 0],
  ['a time of a broken disk, which the worker would refuse', 8e15, null],
  ['no time', undefined, null],
])('a file with %s tells it to the worker where it can', async (_, lastModified, modifiedAt) => {
  const { gateway, client } = await start()
  const captions: string[] = []
  gateway.beforeFinish = async ({ caption }) => void captions.push(await caption())
  const blob = new Blob([new Uint8Array(randomBytes(10))])
  const slice = (from: number, to: number): Blob => blob.slice(from, to)

  await client.upload({ name: 'a', size: 10, lastModified, slice }).done

  expect(captions.map((caption) => decodeCaption(caption, null))).toMatchObject([{ modifiedAt }])
})

test('telegramPercent begins at 0 and never falls', async () => {
  const { proxy, client } = await start()
  const answers = [
    { status: 'uploading', progress: 30, phase: 'sending' },
    { status: 'uploading', progress: 66, phase: 'sending' },
    { status: 'uploading', progress: 60, phase: 'waiting', retryAfter: 0 },
    { status: 'uploading', progress: 92, phase: 'posting' },
  ].map((fields) => ({
    kind: 'answer' as const,
    status: 200,
    body: JSON.stringify({ uploadId: 'a', ...fields }),
  }))
  proxy.inject('/upload-progress', ...answers)
  const heard: number[] = []

  const job = client.upload(makeFile(randomBytes(10)), {
    onProgress: ({ telegramPercent }) => heard.push(telegramPercent),
  })
  await job.done

  expect([...new Set(heard)]).toEqual([0, 60, 99, 100])
  expect(heard).toEqual([...heard].sort((a, b) => a - b))
})

test('as many chunks are sent at once as `parallel` says', async () => {
  const { proxy, client } = await start()
  let running = 0
  let most = 0
  proxy.before('/upload-chunk', async () => {
    most = Math.max(most, ++running)
    await vi.waitFor(() => expect(most).toBe(4))
    running--
  })

  await client.upload(makeFile(randomBytes(40 * KiB)), { chunkSize: 4 * KiB, parallel: 4 }).done

  expect(most).toBe(4)
  expect(proxy.count(CHUNK)).toBe(10)
})

test('a resumed upload sends only the missing chunks', async () => {
  const { proxy, gateway, client } = await start()
  const bytes = randomBytes(50 * KiB)
  const resumeStore = new Map<string, string>()
  const options = { chunkSize: 10 * KiB, parallel: 1, resumeStore: asStore(resumeStore) }
  const leaving = new AbortController()
  const first = client.upload(makeFile(bytes), {
    ...options,
    signal: leaving.signal,
    onProgress: ({ sentBytes }) => sentBytes >= 30 * KiB && leaving.abort(new Error('reload')),
  })
  await expect(first.done).rejects.toThrow('reload')
  const sentBefore = proxy.count(CHUNK)

  const second = client.upload(makeFile(bytes), options)
  await second.done

  expect(second.uploadId).toBe(first.uploadId)
  expect(sentBefore).toBe(3)
  expect(proxy.count(CHUNK)).toBe(5)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
  expect(resumeStore.size).toBe(0)
})

test.each([
  ['5 MiB where that is enough', 80 * 1024 * MiB, undefined, 5 * MiB, 16_384],
  ['more for a larger file, in steps', 80 * 1024 * MiB + 1, undefined, 5.5 * MiB, 14_895],
  ['more than was wanted', 1024 * MiB, 10 * KiB, 512 * KiB, 2048],
])('chunks have %s', async (_name, size, wanted, chunkSize, totalChunks) => {
  const announced = vi.fn()
  const client = createClient({
    url: 'http://worker.invalid',
    token: 'demo',
    fetch: async (_address, init) => {
      announced(JSON.parse(String(init?.body)))
      return Response.json({ error: 'Too large', code: 'FILE_TOO_LARGE' }, { status: 413 })
    },
  })
  const source = { size, name: 'large.bin', slice: () => new Blob() }

  await client.upload(source, { chunkSize: wanted, resumeStore: null }).done.catch(() => {})

  expect(announced).toHaveBeenCalledWith(expect.objectContaining({ totalChunks }))
  expect(Math.ceil(size / chunkSize)).toBe(totalChunks)
})

test('an upload that the worker does not know starts over with another id', async () => {
  const { gateway, client } = await start()

  const job = client.upload(makeFile(randomBytes(10)), { uploadId: '1_unknown' })
  await job.done

  expect(job.uploadId).not.toBe('1_unknown')
  expect(gateway.posted).toHaveLength(1)
})

test('another file with the id of an unfinished upload starts over', async () => {
  const { gateway, client } = await start()
  const uploadId = '1762700000000_taken'
  const leaving = new AbortController()
  const half = client.upload(makeFile(randomBytes(20)), {
    uploadId,
    chunkSize: 10,
    parallel: 1,
    signal: leaving.signal,
    onProgress: ({ sentBytes }) => sentBytes >= 10 && leaving.abort(new Error('left')),
  })
  await half.done.catch(() => {})
  const other = randomBytes(20)

  await client.upload(makeFile(other), { uploadId: half.uploadId, chunkSize: 10 }).done

  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(other)])
})

test('a chunk that was damaged on the way is sent again', async () => {
  const { proxy, gateway, client } = await start()
  const bytes = Buffer.alloc(20 * KiB, 'a')
  proxy.inject('/upload-chunk', {
    kind: 'change-body',
    change: (body) => Buffer.from(body.toString('latin1').replace('aaaa', 'aaab'), 'latin1'),
  })

  await client.upload(makeFile(bytes)).done

  expect(proxy.count(CHUNK)).toBe(2)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('an upload survives cut connections and error pages of a proxy', async () => {
  const { proxy, gateway, client } = await start()
  const html = { status: 502, body: '<html>waking up</html>' }
  for (const path of ['/init-upload', '/upload-chunk', '/complete-upload', '/upload-progress']) {
    proxy.inject(path, { kind: 'cut' }, { kind: 'answer', ...html })
  }

  await client.upload(makeFile(randomBytes(20 * KiB)), { chunkSize: 10 * KiB }).done

  expect(gateway.posted).toHaveLength(1)
})

test('a wait that the worker asks for is kept and reported', async () => {
  const { proxy, client } = await start()
  const body = JSON.stringify({ error: 'Too many at once', code: 'BUSY' })
  proxy.inject('/upload-chunk', {
    kind: 'answer',
    status: 503,
    body,
    headers: { 'retry-after': '1' },
  })
  const heard: UploadProgress[] = []
  const startedAt = Date.now()

  await client.upload(makeFile(randomBytes(10)), { onProgress: (p) => heard.push(p) }).done

  const waiting = heard.find(({ phase }) => phase === 'waiting')
  expect(waiting?.waiting).toMatchObject({ on: 'worker' })
  expect(waiting?.text).toMatch(/^The worker asks to wait \d+ s$/)
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990)
})

test('a wait that Telegram asks for is in the progress', async () => {
  const { gateway, client } = await start()
  const heard: UploadProgress[] = []
  gateway.beforeFinish = async (request) => {
    request.onEvent({ phase: 'waiting', retryAfter: 7 })
    await vi.waitFor(() => expect(heard.some(({ phase }) => phase === 'waiting')).toBe(true))
  }

  await client.upload(makeFile(randomBytes(10)), { onProgress: (p) => heard.push(p) }).done

  const waiting = heard.find(({ phase }) => phase === 'waiting')
  expect(waiting?.waiting?.on).toBe('telegram')
  expect(waiting?.text).toMatch(/^Telegram asks to wait \d+ s$/)
})

test('of two files of one name the second one has the name that the worker gave it', async () => {
  const { client, gateway } = await start()
  const send = () => client.upload(makeFile(randomBytes(9)), { onConflict: 'keep-both' }).done
  expect(await send()).toMatchObject({ fileName: 'video.bin' })

  expect(await send()).toMatchObject({ fileName: 'video (2).bin' })

  expect(gateway.posted.map(({ name }) => name)).toEqual(['video.bin', 'video (2).bin'])
})

test('an upload of another program gets a thumbnail', async () => {
  const { worker, client } = await start()
  const jpeg = makePicture(40, 30)
  const file = { uploadId: 'one', fileName: 'a.jpg', totalChunks: 1, fileSize: 5 }
  await postJson(`${worker.url}/init-upload`, file, { authorization: `Bearer ${token}` })

  await client.setThumbnail('one', new Blob([Uint8Array.from(jpeg)]))

  expect(await worker.adapters.ledger.uploadThumbnail('one')).toHaveLength(jpeg.length)
  await expect(client.setThumbnail('one', new Blob(['GIF89a']))).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  })
})

test('a thumbnail goes with the file, and is asked for once', async () => {
  const { gateway, client } = await start()
  const jpeg = makePicture(320, 180, 150_000)
  let drawn = 0

  await client.upload(makeFile(randomBytes(10)), {
    thumbnail: async () => {
      drawn++
      return new Blob([Uint8Array.from(jpeg)])
    },
  }).done
  await client.upload(makeFile(randomBytes(11)), { thumbnail: new Blob([Uint8Array.from(jpeg)]) })
    .done

  const sent = gateway.posted.map(({ thumbnail }) => Buffer.from(thumbnail ?? []).equals(jpeg))
  expect([sent, drawn]).toEqual([[true, true], 1])
})

test.each([
  ['that is refused', () => new Blob(['no JPEG'])],
  ['that is too large', () => new Blob([new Uint8Array(201 * KiB)])],
  ['that cannot be drawn', () => Promise.reject(new Error('no canvas'))],
  ['that is not there', () => null],
])('a file with a thumbnail %s is sent without it', async (_, thumbnail) => {
  const { gateway, client } = await start()

  await client.upload(makeFile(randomBytes(10)), { thumbnail }).done

  expect(gateway.posted).toMatchObject([{ thumbnail: null }])
})

test('a refused token fails the upload before any byte is sent, without a retry', async () => {
  const { worker, proxy } = await start()
  const client = createClient({ url: proxy.url, token: 'nobody' })

  const job = client.upload(makeFile(randomBytes(10)))

  await expect(job.done).rejects.toMatchObject({
    name: 'TeleStoreError',
    code: 'TOKEN_REFUSED',
    status: 401,
  })
  expect(proxy.requests).toEqual(['POST /init-upload'])
  expect(job.progress).toMatchObject({ phase: 'failed', text: 'The token is not valid' })
  expect((await worker.adapters.ledger.reservations()).reservedBytes).toBe(0)
})

test('the job rejects with the reason of Telegram when it refuses the file', async () => {
  const { gateway, client } = await start()
  gateway.beforeFinish = async () => {
    throw new AppError('TELEGRAM_FORBIDDEN', 'This Telegram account may not post')
  }

  const job = client.upload(makeFile(randomBytes(10)))

  await expect(job.done).rejects.toMatchObject({
    code: 'UPLOAD_FAILED',
    message: 'Upload failed: This Telegram account may not post',
    details: { reason: 'This Telegram account may not post' },
  })
})

test('a paused upload sends nothing until it is resumed', async () => {
  const { proxy, gateway, client } = await start()
  const bytes = randomBytes(50 * KiB)
  const job = client.upload(makeFile(bytes), {
    chunkSize: 10 * KiB,
    parallel: 1,
    onProgress: ({ sentBytes, phase }) =>
      phase === 'sending' && sentBytes >= 20 * KiB && pauseOnce(),
  })
  let paused = false
  function pauseOnce(): void {
    if (!paused) job.pause()
    paused = true
  }
  await vi.waitFor(() => expect(job.progress.phase).toBe('paused'))
  const status = await client.status(job.uploadId)
  const sent = proxy.count(CHUNK)

  expect(status.complete).toBe(false)
  expect(await client.progress(job.uploadId)).toMatchObject({ status: 'uploading' })
  expect(proxy.count(CHUNK)).toBe(sent)
  job.resume()
  await job.done

  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('a cancelled upload stops at the worker, and leaves the store', async () => {
  const { worker, proxy, client } = await start()
  const resumeStore = new Map<string, string>()
  let sent = 0
  proxy.before('/upload-chunk', () => (++sent > 2 ? new Promise(() => {}) : Promise.resolve()))
  const job = client.upload(makeFile(randomBytes(50 * KiB)), {
    chunkSize: 10 * KiB,
    parallel: 1,
    resumeStore: asStore(resumeStore),
  })
  await vi.waitFor(() => expect(sent).toBe(3))

  await job.cancel()

  await expect(job.done).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await client.progress(job.uploadId)).toMatchObject({ phase: 'cancelled' })
  expect(job.progress.phase).toBe('cancelled')
  expect(resumeStore.size).toBe(0)
  expect((await worker.adapters.ledger.reservations()).reservedBytes).toBe(0)
})

test('an upload that is cancelled elsewhere stops, and gets a new id when it is added again', async () => {
  const { worker, proxy, gateway, client } = await start()
  const bytes = randomBytes(50 * KiB)
  const resumeStore = new Map<string, string>()
  const options = { chunkSize: 10 * KiB, parallel: 1, resumeStore: asStore(resumeStore) }
  let chunks = 0
  const job = client.upload(makeFile(bytes), options)
  proxy.before('/upload-chunk', async () => {
    if (++chunks !== 3) return
    await client.cancel(job.uploadId)
  })

  await expect(job.done).rejects.toMatchObject({
    code: 'UPLOAD_CANCELLED',
    message: 'The upload was cancelled. Add the file again to send it',
  })

  expect(job.progress).toMatchObject({ phase: 'failed', text: expect.stringContaining('again') })
  expect(chunks).toBe(3)
  expect(resumeStore.size).toBe(0)
  expect((await worker.adapters.ledger.reservations()).reservedBytes).toBe(0)
  const again = client.upload(makeFile(bytes), options)
  await again.done
  expect(again.uploadId).not.toBe(job.uploadId)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('a file is sent although the store names a cancelled upload of it', async () => {
  const { worker, gateway, client } = await start()
  const bytes = randomBytes(50 * KiB)
  const file = makeFile(bytes)
  const uploadId = '1762700000000_k3j9x0a2b'
  const described = { uploadId, fileName: file.name, fileSize: file.size, totalChunks: 5 }
  await postJson(`${worker.url}/init-upload`, { ...described, authToken: token })
  await client.cancel(uploadId)
  const resumeStore = { get: () => uploadId, set: () => {}, delete: () => {} }

  const job = client.upload(file, { chunkSize: 10 * KiB, resumeStore })
  await job.done

  expect(job.uploadId).not.toBe(uploadId)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('a worker that loses its disk gets the missing chunks again', async () => {
  const { worker, proxy, gateway, client } = await start()
  const bytes = randomBytes(50 * KiB)
  let chunks = 0
  const job = client.upload(makeFile(bytes), { chunkSize: 10 * KiB, parallel: 1 })
  proxy.before('/upload-chunk', async () => {
    if (++chunks !== 4) return
    await worker.adapters.ledger.deleteUpload(job.uploadId)
    await worker.adapters.spool.remove(spoolUpload(job.uploadId))
  })

  await job.done

  expect(proxy.count(CHUNK)).toBe(8)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
})

test('an upload fails when its file changes on disk', async () => {
  const { gateway, proxy, client } = await start()
  const path = join(await makeTempDir(), 'log.txt')
  await writeFile(path, randomBytes(30))
  let sent = 0
  proxy.before('/upload-chunk', async () => {
    if (++sent === 2) await appendFile(path, 'more')
  })

  const source = await openFile(path)
  const job = client.upload(source, { chunkSize: 10, parallel: 1 })

  await expect(job.done).rejects.toMatchObject({ code: 'FILE_CHANGED' })
  expect(gateway.posted).toEqual([])
})

test('telegramPercent rises while chunks are still being sent', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('user-only', telegram.account, { bot_token: null })
  const proxy = await startFaultProxy(url)
  const client = createClient({ url: proxy.url, token: 'user-only' })
  const bytes = randomBytes(12 * MiB)
  let chunks = 0
  proxy.before('/upload-chunk', async () => {
    if (++chunks < 3) return
    await vi.waitFor(() => expect(job.progress.telegramPercent).toBeGreaterThan(30))
  })

  const job = client.upload(makeFile(bytes), { parallel: 1 })
  const { messageId } = await job.done

  const { body } = await client.download(messageId)
  expect(sha256(await buffer(body))).toBe(sha256(bytes))
  expect(chunks).toBe(3)
  expect(proxy.requests.filter((each) => each.startsWith('GET /upload-progress'))).toHaveLength(1)
})

test('an empty file is refused without a request', async () => {
  const { proxy, client } = await start()

  await expect(client.upload(makeFile(Buffer.alloc(0))).done).rejects.toMatchObject({
    code: 'EMPTY_FILE',
  })

  expect(proxy.requests).toEqual([])
})

function asStore(map: Map<string, string>) {
  return {
    get: (key: string) => map.get(key) ?? null,
    set: (key: string, value: string) => void map.set(key, value),
    delete: (key: string) => void map.delete(key),
  }
}
