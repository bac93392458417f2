import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { CANCELLED, REMEMBERED_CANCELLATIONS } from '../../../src/core/model/cancellation.ts'
import { contiguous } from '../../../src/core/model/stream.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { uploadNotFound } from '../../../src/core/uploads/intake-refusals.ts'
import { createStreamJoin, type StreamJoinOptions } from '../../../src/core/uploads/stream-join.ts'
import { AppError } from '../../../src/errors.ts'
import { createKeyedLock } from '../../../src/lib/concurrency/keyed-lock.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { claim, pieces } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}
/** The parts that each test has, of six, none and four bytes. */
const PARTS = ['first', 'empty', 'last']

test('the parts become one sealed upload, in the order in which they are named', async () => {
  const { join, bytesOf, chunksOf, ledger, transfers, held } = await start()

  const joined = await join(['last', 'empty', 'first'])

  expect(joined).toMatchObject({
    owner: 'ann',
    fileName: 'a.bin',
    size: 10,
    totalChunks: 3,
    state: 'sealed',
    sealedAt: NOW,
  })
  expect(await ledger.findUpload(joined.id)).toEqual(joined)
  expect(await ledger.stream(joined.id)).toMatchObject({ metadata: 'words', concat: 'final;…' })
  expect(await ledger.uploadToken(joined.id)).toBe('token')
  expect((await chunksOf(joined.id)).map(({ index, size }) => [index, size])).toEqual([
    [0, 4],
    [1, 3],
    [2, 3],
  ])
  expect(await bytesOf(joined)).toEqual(Buffer.concat([FILES.last, FILES.first]))
  expect(transfers.sealed.mock.calls).toEqual([[joined]])
  expect(held()).toEqual([])
})

test('the parts end with the join, and their bytes are stored once', async () => {
  const { join, ledger, spool } = await start()

  const { id } = await join(PARTS)

  for (const part of PARTS) expect((await ledger.findUpload(part))?.state).toBe('completed')
  const folders = await spool.uploadIds()
  expect(folders).toContain(id)
  expect(PARTS.filter((part) => folders.includes(part))).toEqual([])
})

test('the same parts again give the same upload, and no second job', async () => {
  const { join, transfers } = await start()
  const first = await join(PARTS)

  const second = await join(PARTS)

  expect(second.id).toBe(first.id)
  expect(transfers.sealed).toHaveBeenCalledTimes(1)
})

test('the same parts give the same upload once they are forgotten', async () => {
  const { join, ledger } = await start()
  const first = await join(PARTS)
  for (const part of PARTS) await ledger.deleteUpload(part)

  const second = await join(PARTS)

  expect(second.id).toBe(first.id)
})

test('the same parts in another order are another upload, for which they are used up', async () => {
  const { join } = await start()
  await join(PARTS)

  await expect(join(PARTS.toReversed())).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
})

interface Refusal {
  given?: (harness: Harness) => unknown
  partIds?: string[]
  options?: Partial<StreamJoinOptions>
  code: string
}

test.each<[string, Refusal]>([
  ['no part', { partIds: [], code: 'INVALID_REQUEST' }],
  ['a part that is named twice', { partIds: ['first', 'first'], code: 'INVALID_REQUEST' }],
  ['an unknown part', { partIds: ['first', 'unknown'], code: 'UPLOAD_NOT_FOUND' }],
  ["another user's part", { partIds: ['first', 'of bob'], code: 'UPLOAD_NOT_FOUND' }],
  ['a file that is no part', { partIds: ['first', 'whole file'], code: 'UPLOAD_NOT_FOUND' }],
  ['a part that is not whole', { partIds: ['first', 'half'], code: 'CHUNKS_MISSING' }],
  ['empty parts alone', { partIds: ['empty'], code: 'EMPTY_FILE' }],
  ['a cancelled part', { given: ({ cancel }) => cancel('first'), code: 'UPLOAD_CANCELLED' }],
  [
    'a part that is cancelled before the parts are locked',
    {
      given: ({ cancel, locks }) => {
        const { run } = locks
        vi.spyOn(locks, 'run').mockImplementationOnce(async (key, work) => {
          await cancel('first')
          return run(key, work)
        })
      },
      code: 'UPLOAD_CANCELLED',
    },
  ],
  [
    'a part that is forgotten before the parts are locked',
    {
      given: ({ ledger, locks }) => {
        const { run } = locks
        vi.spyOn(locks, 'run').mockImplementationOnce(async (key, work) => {
          await ledger.deleteUpload('first')
          return run(key, work)
        })
      },
      code: 'UPLOAD_NOT_FOUND',
    },
  ],
  [
    'a part that another request holds',
    { given: ({ taken }) => taken.add('empty'), code: 'UPLOAD_LOCKED' },
  ],
  ['a file over the size allowed', { options: { maxFileBytes: 9 }, code: 'FILE_TOO_LARGE' }],
  [
    'an account whose wait is longer than a job may last',
    {
      given: ({ gateway }) => gateway.waitFor.mockReturnValue(61),
      code: 'TELEGRAM_FLOOD_WAIT',
    },
  ],
  [
    'a worker that drains',
    { given: ({ workGate }) => workGate.startDraining(), code: 'SHUTTING_DOWN' },
  ],
  [
    'a disk that gives a chunk no second name',
    { given: ({ spool }) => spool.lose('last', 0), code: 'SPOOL_DAMAGED' },
  ],
  [
    'a disk that does not take the row',
    {
      given: ({ ledger }) =>
        ledger.before('joinUploads', () => Promise.reject(new AppError('SPOOL_FULL', 'full'))),
      code: 'SPOOL_FULL',
    },
  ],
])('%s is refused, and the parts stay as they are', async (_name, refusal) => {
  const { given, partIds = PARTS, options, code } = refusal
  const harness = await start(options)
  await given?.(harness)
  const { join, ledger, transfers, held } = harness

  await expect(join(partIds)).rejects.toMatchObject({ code })

  expect(await ledger.countInState('sealed')).toBe(0)
  expect((await ledger.findUpload('last'))?.state).toBe('receiving')
  expect(await ledger.chunks('last')).toHaveLength(1)
  expect(transfers.sealed).not.toHaveBeenCalled()
  expect(held()).toEqual([])
})

test('files of parts that cannot be removed are left to the sweep', async () => {
  const { join, spool, log } = await start()
  vi.spyOn(spool, 'remove').mockRejectedValue(new AppError('SPOOL_FAILED', 'read-only'))

  await expect(join(PARTS)).resolves.toMatchObject({ state: 'sealed' })

  const warning = { level: 'warn', message: 'chunks left to the sweep' }
  expect(log.entries.filter(({ level }) => level === 'warn')).toMatchObject(
    PARTS.map(() => warning),
  )
})

test('two joins of the same parts at once give one upload', async () => {
  const { join, transfers } = await start({}, { waits: true })

  const [one, other] = await Promise.all([join(PARTS), join(PARTS)])

  expect(one.id).toBe(other.id)
  expect(transfers.sealed).toHaveBeenCalledTimes(1)
})

test('two joins that name the same parts in turned order do not wait for each other for ever', async () => {
  const { join } = await start({}, { waits: true })

  const ends = await Promise.allSettled([join(PARTS), join(PARTS.toReversed())])

  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

const FILES = { first: randomBytes(6), empty: Buffer.alloc(0), last: randomBytes(4) }

type Harness = Awaited<ReturnType<typeof start>>

async function start(changes: Partial<StreamJoinOptions> = {}, { waits = false } = {}) {
  const ledger = createMemoryLedger()
  const spool = createMemorySpool()
  const log = createRecordingLog()
  const workGate = createWorkGate()
  const locks = createKeyedLock()
  const gateway = {
    documentLimits: () => ({ documentBytes: 100, volumeBytes: 100 }),
    assertReachable: () => {},
    waitFor: vi.fn((_granted: Credentials, _size: number | null) => 0),
  }
  const transfers = {
    sealed: vi.fn(),
    chunkArrived: () => {},
    stop: async () => {},
    resume: async () => {},
    isActive: () => false,
    idle: async () => {},
    has: () => true,
  }
  /** Uploads that another request holds. */
  const taken = new Set<string>()
  const held = new Set<string>()
  /** One request after another, or refused at once. */
  const turns = createKeyedLock()
  const uploadLock: StreamJoinOptions['uploadLock'] = {
    acquire: async (key) => {
      if (taken.has(key)) return null
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      const { promise: acquired, resolve: go } = Promise.withResolvers<void>()
      if (waits) void turns.run(key, () => Promise.resolve(go()).then(() => released))
      else go()
      await acquired
      held.add(key)
      return () => {
        held.delete(key)
        release()
      }
    },
  }

  async function find(uploadId: string) {
    const upload = await ledger.findUpload(uploadId)
    const stream = await ledger.stream(uploadId)
    if (!upload || !stream) throw uploadNotFound()
    const { bytes } = contiguous(await ledger.chunks(uploadId))
    return { upload, stream, offset: upload.state === 'receiving' ? bytes : upload.size }
  }

  const join = createStreamJoin({
    ...{ ledger, spool, workGate, locks, uploadLock, gateway, transfers, log, find },
    uploads: {
      authenticate: async () => ANN,
      authorize: async (uploadId) => {
        if ((await ledger.findUpload(uploadId))?.owner !== 'ann') throw uploadNotFound()
      },
    },
    metrics: { received: () => {}, ended: () => {} },
    catalogue: ledger,
    capacity: { available: neverAsked, fits: neverAsked, totalBytes: neverAsked },
    windows: { of: neverAsked },
    expireByteless: neverAsked,
    maxFileBytes: 100,
    maxVolumeBytes: MiB,
    maxWaitMs: 60_000,
    perUser: { maxUploads: 10, maxBytes: 100 },
    now: () => NOW,
    ...changes,
  })

  /** An upload that has these bytes of its size, in chunks of three or all in one. */
  async function insert(id: string, bytes: Buffer, fields: InsertFields = {}): Promise<void> {
    const { owner = 'ann', size = bytes.length, concat = 'partial' } = fields
    const chunkSize = bytes.length === 6 ? 3 : Math.max(1, bytes.length)
    const totalChunks = Math.ceil(size / chunkSize)
    const upload = makeUpload({ id, owner, size, totalChunks, chunkSize: null })
    await insertUpload(ledger, upload, 'token', { metadata: null, concat })
    for (let index = 0; index * chunkSize < bytes.length; index++) {
      const piece = bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
      const { digest } = await claim(spool, id, index, pieces(piece, chunkSize))
      await ledger.acceptChunk(
        id,
        { index, size: piece.length, digest },
        { chunkSize, token: null, now: NOW },
      )
    }
  }

  for (const [id, bytes] of Object.entries(FILES)) await insert(id, bytes)
  await insert('of bob', randomBytes(2), { owner: 'bob' })
  await insert('half', randomBytes(2), { size: 4 })
  await insert('whole file', randomBytes(2), { concat: null })

  return {
    ...{ ledger, spool, log, workGate, locks, gateway, transfers, taken },
    held: () => [...held],
    join: (partIds: readonly string[]) => {
      const words = { metadata: 'words', concat: 'final;…' }
      const mimeType = 'application/octet-stream'
      const file = { fileName: 'a.bin', mimeType, modifiedAt: null, folder: [], onConflict: null }
      return join({ ...file, ...words, partIds }, 'token')
    },
    cancel: async (id: string): Promise<void> => {
      const cancelled = { reason: CANCELLED, percent: 0, now: NOW }
      await ledger.cancelUpload(id, cancelled, REMEMBERED_CANCELLATIONS)
    },
    chunksOf: (id: string) => ledger.chunks(id),
    bytesOf: async ({ id, size }: { id: string; size: number }): Promise<Buffer> => {
      const target = Buffer.alloc(size)
      await spool.read(spoolUpload(id), { size, starts: [0, 4, 7] }, 0, target)
      return target
    },
  }
}

interface InsertFields {
  owner?: string
  size?: number
  concat?: string | null
}

/** A join reserves nothing: its bytes are here. */
async function neverAsked(): Promise<never> {
  throw new Error('a join takes no capacity')
}
