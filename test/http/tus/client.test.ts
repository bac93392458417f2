import { randomBytes } from 'node:crypto'
import type { PreviousUpload, Upload, UrlStorage } from 'tus-js-client'
import { describe, expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { pollToEnd, sha256 } from '../../helpers/callers/client.ts'
import { idIn, makeTusUpload, offsetOf, uploadIdOf } from '../../helpers/callers/tus.ts'
import { createFakeGateway, type FakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, type TestWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'

async function startTus(
  options: { env?: Record<string, string>; dataDir?: string; gateway?: FakeGateway } = {},
): Promise<TestWorker & { gateway: FakeGateway }> {
  const gateway = options.gateway ?? createFakeGateway()
  const worker = await startWorker({ ...options, gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

/** SHA-256 of the only file that was posted. */
async function postedDigest({ url, gateway }: { url: string; gateway: FakeGateway }, id: string) {
  const end = (await pollToEnd(url, id)).at(-1)
  expect(end).toMatchObject({ status: 'completed', error: null })
  expect(gateway.posted).toHaveLength(1)
  return sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))
}

describe('tus-js-client', () => {
  test('uploads a file that is sent on while it arrives, and completes by itself', async () => {
    const worker = await startTus()
    worker.gateway.early = true
    const bytes = randomBytes(12 * MiB + 345)
    const { upload, finished } = makeTusUpload(worker.url, bytes, { token })

    upload.start()

    expect(await postedDigest(worker, await finished)).toBe(sha256(bytes))
    expect(worker.gateway.earlyParts.length).toBeGreaterThan(0)
    expect(worker.gateway.posted[0]).toMatchObject({
      name: 'film.mkv',
      mimeType: 'video/x-matroska',
    })
  })

  test.each([
    ['one request for all of it', Number.POSITIVE_INFINITY, {}],
    ['requests of a size that fits nothing', 377 * KiB + 1, {}],
    ['bytes with the creation', 3 * MiB, { uploadDataDuringCreation: true }],
    ['POST for everything', 3 * MiB, { overridePatchMethod: true }],
  ])('uploads a file by %s', async (_name, chunkSize, options) => {
    const worker = await startTus()
    const bytes = randomBytes(7 * MiB)
    const { upload, finished } = makeTusUpload(worker.url, bytes, { token, chunkSize, ...options })

    upload.start()

    expect(await postedDigest(worker, await finished)).toBe(sha256(bytes))
  })

  test('gives up at once when its token is refused', async () => {
    const { url } = await startTus()
    const { upload, finished } = makeTusUpload(url, randomBytes(10), { token: 'nonsense' })

    upload.start()

    await expect(finished).rejects.toThrow('response code: 401')
  })

  test('resumes after a crash, without sending any byte twice', async () => {
    const worker = await startTus()
    const bytes = randomBytes(11 * MiB)
    const first = makeTusUpload(worker.url, bytes, { token, chunkSize: 4 * MiB })
    await diesAfter(first.upload, 4 * MiB)
    const { url: uploadUrl } = first.upload
    const here = await offsetOf(worker.url, idIn(uploadUrl))
    expect(here).toBeGreaterThanOrEqual(4 * MiB)

    const starts: number[] = []
    const again = makeTusUpload(worker.url, bytes, {
      token,
      uploadUrl,
      onBeforeRequest: (request) => {
        if (request.getMethod() === 'PATCH') starts.push(Number(request.getHeader('Upload-Offset')))
      },
    })
    again.upload.start()

    expect(await again.finished).toBe(idIn(uploadUrl))
    expect(starts[0]).toBe(here)
    expect(await postedDigest(worker, await again.finished)).toBe(sha256(bytes))
  })

  test('resumes at another worker with the same data', async () => {
    const first = await startTus({ dataDir: await makeTempDir() })
    const bytes = randomBytes(9 * MiB)
    const begun = makeTusUpload(first.url, bytes, { token, chunkSize: 2 * MiB + 1 })
    await diesAfter(begun.upload, 6 * MiB)
    const uploadId = uploadIdOf(begun.upload)
    const here = await offsetOf(first.url, uploadId)
    await first.close()

    const second = await startTus({ dataDir: first.dataDir, gateway: first.gateway })
    expect(await offsetOf(second.url, uploadId)).toBe(here)
    const uploadUrl = `${second.url}/files/${uploadId}`
    const again = makeTusUpload(second.url, bytes, { token, uploadUrl })
    again.upload.start()

    expect(await postedDigest(second, await again.finished)).toBe(sha256(bytes))
  })

  test('terminates an upload that the user gives up', async () => {
    const { url, adapters } = await startTus()
    let chunks = 0
    const { upload } = makeTusUpload(url, randomBytes(9 * MiB), {
      token,
      chunkSize: MiB,
      // The second chunk never leaves: a file that is in Telegram would be another case.
      onBeforeRequest: async (request) => {
        if (request.getMethod() === 'PATCH' && ++chunks > 1) await new Promise(() => {})
      },
    })
    upload.start()
    await vi.waitFor(() => expect(chunks).toBe(2))

    await upload.abort(true)

    await expect(offsetOf(url, uploadIdOf(upload))).rejects.toThrow('410')
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  })
})

describe('tus-js-client with parallel uploads', () => {
  test('makes one message of one file, and reserves its bytes once', async () => {
    const worker = await startTus({ env: { SPOOL_MAX_BYTES: '20MB' } })
    const bytes = randomBytes(17 * MiB + 11)
    const { upload, finished } = makeTusUpload(worker.url, bytes, { token, parallelUploads: 3 })

    upload.start()

    const uploadId = await finished
    expect(await postedDigest(worker, uploadId)).toBe(sha256(bytes))
    expect(worker.gateway.posted[0]).toMatchObject({ name: 'film.mkv' })
    expect((await worker.adapters.ledger.reservations()).reservedBytes).toBe(0)
    const uploads = await worker.adapters.ledger.uploadsOf('ann', 10)
    expect(uploads.map(({ upload }) => upload.id)).toEqual([uploadId])
  })

  test('resumes its parts after a crash', async () => {
    const worker = await startTus()
    const bytes = randomBytes(15 * MiB)
    const known: PreviousUpload[] = []
    const options = {
      token,
      parallelUploads: 3,
      chunkSize: MiB,
      urlStorage: memoryStorage(known),
      fingerprint: async () => 'film',
    }
    const first = makeTusUpload(worker.url, bytes, options)
    await diesOnceKnown(first.upload, known, 2 * MiB)

    const again = makeTusUpload(worker.url, bytes, options)
    const [previous] = await again.upload.findPreviousUploads()
    if (!previous) throw new Error('the upload was forgotten')
    again.upload.resumeFromPreviousUpload(previous)
    const created: string[] = []
    again.upload.options.onBeforeRequest = (request) => {
      if (request.getMethod() === 'POST') created.push(request.getHeader('Upload-Concat') ?? '')
    }
    again.upload.start()

    expect(await postedDigest(worker, await again.finished)).toBe(sha256(bytes))
    expect(created).toEqual([expect.stringMatching(/^final;/)])
  })

  test('terminates all its parts', async () => {
    const { url, adapters } = await startTus()
    const storage = memoryStorage([])
    const known = Promise.withResolvers<void>()
    const { upload } = makeTusUpload(url, randomBytes(12 * MiB), {
      token,
      parallelUploads: 3,
      chunkSize: 256 * KiB,
      urlStorage: {
        ...storage,
        addUpload: (...added) => {
          known.resolve()
          return storage.addUpload(...added)
        },
      },
      fingerprint: async () => 'film',
    })
    upload.start()
    await known.promise
    expect(await adapters.ledger.uploadsInState('receiving')).toHaveLength(3)

    await upload.abort(true)

    await vi.waitFor(async () =>
      expect((await adapters.ledger.reservations()).reservedBytes).toBe(0),
    )
  })
})

/** Starts a parallel upload and drops it once its URLs are kept and so many bytes are sent. */
function diesOnceKnown(upload: Upload, known: PreviousUpload[], bytes: number): Promise<void> {
  return new Promise((resolve) => {
    upload.options.onProgress = (sent) => {
      if (known.length > 0 && sent > bytes) void upload.abort().then(resolve)
    }
    upload.start()
  })
}

/** Starts an upload and drops it once so many bytes were accepted. */
function diesAfter(upload: Upload, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    upload.options.onChunkComplete = (_size, accepted) => {
      if (accepted >= bytes) void upload.abort().then(resolve)
    }
    upload.start()
  })
}

/** Where the client remembers its uploads; outlives it as a browser's storage does. */
function memoryStorage(known: PreviousUpload[]): UrlStorage {
  return {
    findAllUploads: async () => known,
    findUploadsByFingerprint: async () => known,
    removeUpload: async () => void known.splice(0),
    addUpload: async (_fingerprint, upload) => {
      known.push({ ...upload, urlStorageKey: 'film' })
      return 'film'
    },
  }
}
