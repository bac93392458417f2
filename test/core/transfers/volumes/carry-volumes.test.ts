import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { decodeCaption } from '../../../../src/core/model/caption.ts'
import { parseManifest } from '../../../../src/core/model/volumes/manifest.ts'
import type { Credentials } from '../../../../src/core/ports/credentials.ts'
import type { Upload } from '../../../../src/core/ports/records.ts'
import type { TransferRequest } from '../../../../src/core/ports/telegram.ts'
import { createProgressBoard } from '../../../../src/core/progress/progress-board.ts'
import { createJobQueue } from '../../../../src/core/runtime/job-queue.ts'
import { createTransfers } from '../../../../src/core/transfers/transfer.ts'
import { AppError, shuttingDown } from '../../../../src/errors.ts'
import { KiB, MiB } from '../../../../src/lib/units.ts'
import { createFakeGateway, documentFileIdOf } from '../../../helpers/peers/fake-gateway.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { BOUNDLESS } from '../../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../../helpers/storage/memory-ledger.ts'
import { createMemorySpool } from '../../../helpers/storage/memory-spool.ts'
import { claim, pieces } from '../../../helpers/storage/spool-contract.ts'
import { makeUpload } from '../../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const MINUTE = 60_000
const CHUNK = 300 * KiB
const ID = 'large'
const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}
const passing = new AppError('TELEGRAM_UNAVAILABLE', 'Telegram fails')
const rejected = new AppError('TELEGRAM_REJECTED', 'Telegram said no')
const refused = new AppError('TOKEN_REFUSED', 'Sign in again')

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('volumes are posted in order as their bytes come, and the manifest once the upload is sealed', async () => {
  const { arrive, seal, bytes, gateway, ledger, captions, row } = await start()

  for (let index = 0; index < 10; index++) await arrive(index)
  expect(gateway.posted.map(({ name }) => name)).toEqual([
    'film.mkv.001',
    'film.mkv.002',
    'film.mkv.003',
  ])
  expect((await row())?.state).toBe('receiving')
  await seal()

  const whole = { sha256: sha256Of(bytes), crc32: crcOf(bytes) }
  const [first, second, third, manifest] = gateway.posted
  expect(
    Buffer.concat([first, second, third].map((post) => post?.bytes ?? Buffer.alloc(0))),
  ).toEqual(bytes)
  expect(manifest).toMatchObject({ name: 'film.mkv.telestore.json', mimeType: 'application/json' })
  expect(parseManifest(manifest?.bytes ?? Buffer.alloc(0))).toEqual({
    ...{ id: makeUpload().captionId, name: 'film.mkv', mimeType: 'video/x-matroska' },
    ...{ size: bytes.length, modifiedAt: NOW, ...whole },
    volumes: [first, second, third].map((post, index) => ({
      messageId: index + 1,
      documentId: String(1001 + index),
      size: post?.bytes.length,
      crc32: crcOf(post?.bytes ?? Buffer.alloc(0)),
      fileId: null,
    })),
  })
  expect(captions.map((caption) => decodeCaption(caption, null))).toMatchObject([
    { kind: { volume: 1, of: 3 }, crc32: crcOf(first?.bytes), sha256: null, name: 'film.mkv' },
    { kind: { volume: 2, of: 3 }, crc32: crcOf(second?.bytes), sha256: null },
    { kind: { volume: 3, of: 3 }, crc32: crcOf(third?.bytes), wholeSha256: whole.sha256 },
    { kind: 'manifest', ...whole, name: 'film.mkv' },
  ])
  expect(await row()).toMatchObject({
    state: 'completed',
    result: { messageId: 4, digests: whole },
  })
  expect(await ledger.receiptOf('1004', bytes.length)).toEqual(whole)
  expect(await ledger.dueWebhooks(NOW, 9)).toMatchObject([
    { payload: { messageId: 4, size: bytes.length, fileName: 'film.mkv', sha256: whole.sha256 } },
  ])
  expect(await ledger.volumeCleanups()).toEqual([])
})

test('the chunks of a posted volume leave the disk, but not the one that lies across its border', async () => {
  const { arrive, spool, row, onVolumesPosted } = await start()

  for (let index = 0; index < 4; index++) await arrive(index)

  // The first MiB ends inside of the fourth chunk.
  expect(spool.bytes).toBe(CHUNK)
  expect(await row()).toMatchObject({ postedVolumes: 1, freedChunks: 3 })
  expect(onVolumesPosted.mock.calls).toEqual([[ID, MiB]])
})

test('the next volume is sent while the one before it is posted, and the one behind it is not', async () => {
  const { arrive, gateway } = await start({ early: true })
  const sent: string[] = []
  const { sendAvailable } = gateway
  gateway.sendAvailable = async (request) => {
    if (request.file.has(0, 1)) sent.push(request.file.name)
    await sendAvailable(request)
  }
  const release = hangFirst(gateway)

  for (let index = 0; index < 10; index++) await arrive(index)
  expect(new Set(sent)).toEqual(new Set(['film.mkv.001', 'film.mkv.002']))
  expect(gateway.posted).toEqual([])
  release()
  await vi.advanceTimersByTimeAsync(0)

  expect(new Set(sent)).toContain('film.mkv.003')
  expect(gateway.posted).toHaveLength(3)
})

test('after a restart nothing that is posted is sent or read again, and the digests are right', async () => {
  const { arrive, seal, bytes, gateway, spool, row, newProcess, progress, queue } = await start()
  for (let index = 0; index < 8; index++) await arrive(index)
  expect(gateway.posted).toHaveLength(2)
  const upload = await row()
  const before = progress.of(upload ?? makeUpload()).progress
  await queue.close(shuttingDown())
  const reads: number[] = []
  const { read } = spool
  spool.read = (id, layout, offset, target) => {
    reads.push(offset)
    return read(id, layout, offset, target)
  }

  const later = newProcess()
  await later.transfers.resume()
  await vi.advanceTimersByTimeAsync(0)
  expect(progress.of((await row()) ?? makeUpload())).toMatchObject({
    volume: { number: 3, of: 3 },
  })
  expect(progress.of((await row()) ?? makeUpload()).progress).toBeGreaterThanOrEqual(before)
  await seal(later.transfers)

  expect(Math.min(...reads)).toBeGreaterThanOrEqual(2 * MiB)
  expect(gateway.posted).toHaveLength(4)
  expect((await row())?.result?.digests).toEqual({ sha256: sha256Of(bytes), crc32: crcOf(bytes) })
})

test('each volume has its own attempts and its own time', async () => {
  const { seal, gateway, row } = await start()
  const tries = new Map<string, number>()
  gateway.beforeFinish = async ({ file }) => {
    const count = (tries.get(file.name) ?? 0) + 1
    tries.set(file.name, count)
    await new Promise((resolve) => setTimeout(resolve, 100 * MINUTE))
    if (count < 3) throw passing
  }

  await seal()
  await vi.advanceTimersByTimeAsync(24 * 60 * MINUTE)

  expect([...tries.values()]).toEqual([3, 3, 3, 3])
  expect((await row())?.state).toBe('completed')
})

test('a volume that can never be posted fails the upload at once, and what is posted is to be deleted', async () => {
  const { arrive, gateway, ledger, row, onCleanup } = await start()
  gateway.beforeFinish = async ({ file }) => {
    if (file.name.endsWith('.002')) throw rejected
  }

  for (let index = 0; index < 8; index++) await arrive(index)

  expect(await row()).toMatchObject({ state: 'failed', reason: 'Telegram said no' })
  expect(await ledger.volumeCleanups()).toMatchObject([{ messageIds: [1], channelId: '-1001' }])
  expect(onCleanup).toHaveBeenCalledTimes(1)
})

test('a file does not go into two channels', async () => {
  const { arrive, credentials, row } = await start()
  for (let index = 0; index < 4; index++) await arrive(index)
  credentials.forRunningUpload.mockResolvedValue({ ...ANN, channelId: '-1002' })

  for (let index = 4; index < 8; index++) await arrive(index)

  expect(await row()).toMatchObject({
    state: 'failed',
    reason: 'Another channel is connected by now. Add the file again',
  })
})

test('an upload whose token is refused goes on with the next token of its sender', async () => {
  const { arrive, credentials, ledger, gateway, row } = await start()
  credentials.forRunningUpload.mockImplementation(async (token) => {
    if (token === 'token') throw refused
    return ANN
  })
  for (let index = 0; index < 4; index++) await arrive(index)
  await vi.advanceTimersByTimeAsync(MINUTE)
  expect((await row())?.state).toBe('receiving')

  await ledger.saveUploadToken(ID, 'newer')
  await vi.advanceTimersByTimeAsync(2_000)

  expect(gateway.posted).toHaveLength(1)
})

test('of an upload that is sealed a refused token is the end', async () => {
  const { seal, credentials, row } = await start()
  credentials.forRunningUpload.mockRejectedValue(refused)

  await seal()

  expect(await row()).toMatchObject({ state: 'failed', reason: 'Sign in again' })
})

test('what a bot has posted is named by its file ids, and goes by the road of a bot', async () => {
  const { seal, gateway } = await start()
  gateway.road = 'mtproto-bot'
  const rules: boolean[] = []
  gateway.beforeFinish = async ({ exactlyOnce }) => void rules.push(exactlyOnce)

  await seal()

  const manifest = parseManifest(gateway.posted.at(-1)?.bytes ?? Buffer.alloc(0))
  expect(manifest?.volumes.map(({ fileId }) => fileId)).toEqual([1, 2, 3].map(documentFileIdOf))
  expect(rules).toEqual([true, true, true, true])
})

test('the thumbnail goes with the manifest', async () => {
  const jpeg = randomBytes(500)
  const { seal, gateway } = await start({ thumbnail: jpeg })

  await seal()

  const thumbnails = gateway.posted.map(({ thumbnail }) => thumbnail)
  expect(thumbnails).toEqual([null, null, null, new Uint8Array(jpeg)])
})

test('the percent counts over the whole file and says which volume is under way', async () => {
  const { seal, progress } = await start()
  const told: [number, number | undefined][] = []
  progress.subscribe({ uploadId: ID }, (state) => {
    if (state?.status === 'uploading') told.push([state.progress, state.volume?.number])
  })

  await seal()

  const percents = told.map(([percent]) => percent)
  expect(percents).toEqual(percents.toSorted((a, b) => a - b))
  const firstOf = (number: number) => told.find(([, volume]) => volume === number)?.[0]
  expect(firstOf(1)).toBe(5)
  expect(firstOf(2)).toBeGreaterThanOrEqual(47)
  expect(firstOf(3)).toBeGreaterThanOrEqual(64)
  expect(progress.of(makeUpload({ state: 'completed' })).volume).toBeUndefined()
})

test('a job that is cancelled lets go of the file in both volumes', async () => {
  const { arrive, gateway, transfers, queue } = await start({ early: true })
  const running = new Set<string>()
  gateway.sendAvailable = async (request) => {
    running.add(request.file.name)
    await new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => {
        running.delete(request.file.name)
        reject(request.signal.reason)
      })
    })
  }
  for (const index of [0, 5]) await arrive(index)
  expect(running).toEqual(new Set(['film.mkv.001']))

  await transfers.stop(ID, shuttingDown())

  expect(running.size).toBe(0)
  expect(queue.stages().size).toBe(0)
})

function hangFirst(gateway: {
  beforeFinish: (request: TransferRequest) => Promise<void>
}): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  gateway.beforeFinish = async (request) => {
    request.onEvent({ phase: 'posting' })
    await promise
  }
  return resolve
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function crcOf(bytes: Uint8Array = Buffer.alloc(0)): string {
  return crc32(bytes).toString(16).padStart(8, '0')
}

/** An upload of three volumes of 1 MiB, the last one short, in ten chunks. */
test('no manifest names a volume that was deleted meanwhile: the upload fails, and the rest is deleted', async () => {
  const { seal, gateway, row, onCleanup } = await start()
  const { locateAll } = gateway
  gateway.locateAll = async (credentials, messageIds, signal) => {
    const found = await locateAll(credentials, messageIds, signal)
    found.delete(2)
    return found
  }

  await seal()
  await vi.advanceTimersByTimeAsync(MINUTE)

  expect(await row()).toMatchObject({
    state: 'failed',
    reason: 'Volume 2 of 3 was deleted in Telegram. Add the file again',
  })
  expect(gateway.posted.map(({ name }) => name)).not.toContain('film.mkv.telestore.json')
  expect(onCleanup).toHaveBeenCalled()
})

async function start({ early = false, thumbnail }: { early?: boolean; thumbnail?: Buffer } = {}) {
  const ledger = createMemoryLedger()
  const spool = createMemorySpool()
  const log = createRecordingLog()
  const gateway = createFakeGateway()
  gateway.early = early
  gateway.fileIdOf = documentFileIdOf
  const captions: string[] = []
  const { finish } = gateway
  gateway.finish = async (request) => {
    const posted = await finish(request)
    captions.push(await request.caption())
    return posted
  }
  const credentials = { forRunningUpload: vi.fn(async (_token: string) => ANN) }
  const progress = createProgressBoard()
  const onVolumesPosted = vi.fn()
  const onCleanup = vi.fn()

  function newProcess() {
    const onError = (_key: string, error: unknown): never => {
      throw error
    }
    const queue = createJobQueue({ concurrency: 2, onError })
    const metrics = { ended: vi.fn() }
    const peers = { ledger, spool, gateway, credentials, progress, queue, metrics, log }
    const limits = { webhooks: true, attempts: 3, maxDurationMs: 360 * MINUTE, now: Date.now }
    const hooks = { onWebhook: () => {}, onDeletion: () => {}, onVolumesPosted, onCleanup }
    const hashing = { native: true }
    const placing = {
      folderOf: async () => null,
      namesInCaptions: false,
      verify: 'off' as const,
      partsNotedMs: 250,
    }
    return {
      queue,
      transfers: createTransfers({ ...peers, ...limits, ...hooks, ...placing, ...hashing }),
    }
  }
  const { queue, transfers } = newProcess()

  const bytes = randomBytes(10 * CHUNK - 1000)
  const upload = makeUpload({
    ...{ id: ID, owner: 'ann', fileName: 'film.mkv', mimeType: 'video/x-matroska' },
    ...{ size: bytes.length, totalChunks: 10, chunkSize: CHUNK, volumeBytes: MiB },
    ...{ modifiedAt: NOW, createdAt: NOW, touchedAt: NOW },
  })
  const opening = { ...BOUNDLESS, upload, token: 'token', stream: null }
  await ledger.openUpload({ ...opening, thumbnail: thumbnail ?? null })
  const row = (): Promise<Upload | null> => ledger.findUpload(ID)

  async function put(index: number): Promise<void> {
    const piece = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
    const { size, digest } = await claim(spool, ID, index, pieces(piece, CHUNK))
    await ledger.acceptChunk(
      ID,
      { index, size, digest },
      { chunkSize: CHUNK, token: null, now: NOW },
    )
  }

  return {
    ...{ ledger, spool, gateway, credentials, progress, queue, transfers, bytes, captions },
    ...{ onVolumesPosted, onCleanup, newProcess, row },
    arrive: async (index: number): Promise<void> => {
      await put(index)
      transfers.chunkArrived(upload, index)
      await vi.advanceTimersByTimeAsync(0)
    },
    /** Brings what is missing. */
    seal: async (running = transfers): Promise<void> => {
      const here = new Set((await ledger.chunks(ID)).map(({ index }) => index))
      for (let index = 0; index < 10; index++) if (!here.has(index)) await put(index)
      for (let index = 0; index < 10; index++) {
        if (!here.has(index)) running.chunkArrived(upload, index)
      }
      const sealing = await ledger.sealUpload(ID, NOW)
      if (sealing.kind !== 'sealed') throw new Error(`the upload is ${sealing.kind}`)
      running.sealed(sealing.upload)
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}
