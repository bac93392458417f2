import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CANCELLED, REMEMBERED_CANCELLATIONS } from '../../../src/core/model/cancellation.ts'
import { STREAM_CHUNK_BYTES } from '../../../src/core/model/stream.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import type { ReceivedChunk } from '../../../src/core/ports/spool.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { createStreamFiller } from '../../../src/core/uploads/stream-filler.ts'
import { createVolumeWindows } from '../../../src/core/uploads/volume-windows.ts'
import { AppError, shuttingDown } from '../../../src/errors.ts'
import { createKeyedLock } from '../../../src/lib/concurrency/keyed-lock.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const EARLIER = NOW - 3_600_000
const ID = 'stream'
/** A file of two chunks, the second of ten bytes. */
const TWO_CHUNKS = STREAM_CHUNK_BYTES + 10

beforeEach(() => void vi.useFakeTimers({ now: NOW }))
afterEach(() => void vi.useRealTimers())

test('the bytes of a whole file become its chunks', async () => {
  const { fill, chunks, partial } = await start(TWO_CHUNKS)

  await fill([TWO_CHUNKS])

  expect(await chunks()).toEqual([STREAM_CHUNK_BYTES, 10])
  expect(await partial(1)).toBe(0)
})

test('a source that ends early leaves a partial chunk, which the next one completes', async () => {
  const { fill, chunks, partial } = await start(TWO_CHUNKS)

  await fill([STREAM_CHUNK_BYTES, 4])
  expect([await chunks(), await partial(1)]).toEqual([[STREAM_CHUNK_BYTES], 4])
  await fill([6], { from: STREAM_CHUNK_BYTES + 4 })

  expect(await chunks()).toEqual([STREAM_CHUNK_BYTES, 10])
})

test('a source that begins in the middle of a chunk goes on into the next', async () => {
  const { fill, chunks } = await start(TWO_CHUNKS)
  await fill([4])

  await fill([TWO_CHUNKS - 4], { from: 4 })

  expect(await chunks()).toEqual([STREAM_CHUNK_BYTES, 10])
})

test('a source that has more than the file is read no further', async () => {
  const { fill, chunks, read } = await start(10)

  await fill([2])
  await fill([4, 6, 6], { from: 2 })

  expect(await chunks()).toEqual([10])
  expect(read()).toBe(12)
})

test('a chunk that was lost before others is sent again with them, and each is kept once', async () => {
  const { fill, chunks, ledger, spool, accept } = await start(TWO_CHUNKS)
  await fill([TWO_CHUNKS])
  await ledger.deleteChunk(ID, 0)
  spool.lose(ID, 0)
  accept.mockClear()

  await fill([TWO_CHUNKS])

  expect(await chunks()).toEqual([STREAM_CHUNK_BYTES, 10])
  expect(accept.mock.calls.map(([, index]) => index)).toEqual([0, 1])
  expect(await spool.partialBytes({ upload: spoolUpload(ID), index: 1 })).toBe(0)
})

test.each<[string, 'cancel' | 'forget', string]>([
  ['cancelled', 'cancel', 'UPLOAD_CANCELLED'],
  ['forgotten', 'forget', 'UPLOAD_NOT_FOUND'],
])(
  'an upload that is %s before its chunk is acknowledged keeps no byte',
  async (_is, act, code) => {
    const harness = await start(10)
    const { fill, ledger, accept, partial } = harness
    ledger.before('findUpload', harness[act])

    await expect(fill([10])).rejects.toMatchObject({ code })

    expect(accept).not.toHaveBeenCalled()
    expect(await partial(0)).toBe(0)
  },
)

test('a source that fails rejects with its error, and the bytes before it stay', async () => {
  const { fill, partial, touchedAt } = await start(10)
  const cut = new Error('the client left')

  await expect(fill([4, cut])).rejects.toBe(cut)

  expect(await partial(0)).toBe(4)
  expect(await touchedAt()).toBe(NOW)
})

test('a disk that takes no bytes rejects with its error', async () => {
  const { fill, spool, chunks } = await start(10)
  spool.failWith(new AppError('SPOOL_FULL', 'the disk is full'))

  await expect(fill([10])).rejects.toMatchObject({ code: 'SPOOL_FULL' })

  expect(await chunks()).toEqual([])
})

test('bytes that need a confirmation are kept after it, and not before', async () => {
  const { fill, chunks, spool, accept, touchedAt } = await start(TWO_CHUNKS)
  /** Bytes of the upload, and pieces beside it. */
  const seen: [number, number][] = []
  const look = (): void => void seen.push([spool.bytes, spool.unclaimed])
  accept.mockImplementationOnce((...call) => {
    look()
    return accept(...call)
  })

  await fill([TWO_CHUNKS], { confirm: look })

  expect(seen).toEqual([
    [0, 2],
    [0, 2],
  ])
  expect([await chunks(), spool.unclaimed]).toEqual([[STREAM_CHUNK_BYTES, 10], 0])
  expect(await touchedAt()).toBe(NOW)
})

test('bytes whose confirmation fails are thrown away, and do not keep the upload alive', async () => {
  const { fill, chunks, partial, spool, touchedAt } = await start(10)
  const mismatch = new AppError('CHECKSUM_MISMATCH', 'damaged')
  const confirm = (): never => {
    throw mismatch
  }

  await expect(fill([10], { confirm })).rejects.toBe(mismatch)

  expect([await chunks(), await partial(0), spool.unclaimed]).toEqual([[], 0, 0])
  expect(await touchedAt()).toBe(EARLIER)
})

test('a source that fails before the confirmation is thrown away', async () => {
  const { fill, partial, spool } = await start(10)
  const confirm = vi.fn()
  const cut = new Error('the client left')

  await expect(fill([4, cut], { confirm })).rejects.toBe(cut)

  expect(confirm).not.toHaveBeenCalled()
  expect([await partial(0), spool.unclaimed]).toEqual([0, 0])
})

test('a slow sender keeps its upload alive by every few seconds of bytes', async () => {
  const { fill, ledger, touchedAt } = await start(10)
  const touch = vi.spyOn(ledger, 'touchUpload')

  await fill([1, after(5_000), 1, after(1), 1, after(5_000), 1, after(1), 1])

  expect(touch.mock.calls.map(([, at]) => at - NOW)).toEqual([5_001, 10_002, 10_002])
  expect(await touchedAt()).toBe(NOW + 10_002)
})

test.each([[[]], [[0, 0]]])(
  'a request that brings no byte (%j) does not keep its upload alive',
  async (pieces) => {
    const { fill, touchedAt } = await start(10)

    await fill(pieces)

    expect(await touchedAt()).toBe(EARLIER)
  },
)

test.each<[string, (harness: Harness) => unknown]>([
  ['has failed', ({ progress, upload }) => progress.finish({ ...upload, state: 'failed' })],
  ['is forgotten', ({ progress, upload }) => progress.forget(upload)],
  ['ends with this instance', ({ workGate }) => workGate.close(shuttingDown())],
])('the sender is asked to end when its upload %s', async (_name, act) => {
  const harness = await start(10)
  const requestUnlock = vi.fn()

  await harness.fill([1, () => act(harness), 1], { requestUnlock })

  expect(requestUnlock).toHaveBeenCalledTimes(1)
})

test('the sender is not asked to end by progress, nor by what happens after its request', async () => {
  const { fill, progress, upload, workGate } = await start(10)
  const requestUnlock = vi.fn()

  await fill([1, () => progress.report(upload, { phase: 'receiving' }), 1], { requestUnlock })
  progress.forget(upload)
  workGate.close(shuttingDown())

  expect(requestUnlock).not.toHaveBeenCalled()
})

/** Volumes of one chunk: two chunks are within reach at first. */
const VOLUMES = { volumeBytes: STREAM_CHUNK_BYTES }
const FOUR_CHUNKS = 4 * STREAM_CHUNK_BYTES

test('the source of a file that goes as volumes is read no further than Telegram has nearly caught up', async () => {
  const { fill, chunks, windows, read } = await start(FOUR_CHUNKS, VOLUMES)
  const filled = fill([STREAM_CHUNK_BYTES, STREAM_CHUNK_BYTES, STREAM_CHUNK_BYTES, 7, 8])
  await vi.waitFor(async () => expect(await chunks()).toHaveLength(2))
  // The piece that it had asked for when it saw that it has to wait.
  await vi.waitFor(() => expect(read()).toBe(3 * STREAM_CHUNK_BYTES))

  windows.moved(ID, STREAM_CHUNK_BYTES)
  await vi.waitFor(async () => expect(await chunks()).toHaveLength(3))
  windows.moved(ID, 2 * STREAM_CHUNK_BYTES)

  await filled
  expect(read()).toBe(3 * STREAM_CHUNK_BYTES + 15)
})

test.each<[string, (harness: Harness) => unknown]>([
  ['its upload fails', ({ progress, upload }) => progress.finish({ ...upload, state: 'failed' })],
  ['another request wants its upload', ({ unlock }) => unlock()],
  ['this instance ends', ({ workGate }) => workGate.close(shuttingDown())],
])('a source that stands still ends without an error when %s', async (_name, act) => {
  const harness = await start(FOUR_CHUNKS, VOLUMES)
  const { fill, chunks } = harness
  const filled = fill([2 * STREAM_CHUNK_BYTES, 5])
  await vi.waitFor(async () => expect(await chunks()).toHaveLength(2))

  act(harness)

  await filled
  expect(await chunks()).toHaveLength(2)
})

test('of bytes that need a confirmation no more are put aside than could come within reach', async () => {
  const { fill, chunks, spool } = await start(FOUR_CHUNKS, VOLUMES)
  const confirm = vi.fn()

  await expect(fill([2 * STREAM_CHUNK_BYTES, 1], { confirm })).rejects.toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    details: { maxBytes: 2 * STREAM_CHUNK_BYTES },
  })
  expect([confirm.mock.calls, spool.unclaimed, await chunks()]).toEqual([[], 0, []])

  await fill([2 * STREAM_CHUNK_BYTES], { confirm })
  expect(await chunks()).toHaveLength(2)
})

test('closing makes a chunk of the last bytes once all of them are there', async () => {
  const { filler, upload, chunks, append } = await start(10)

  await append(0, 9)
  await filler.close(upload)
  expect(await chunks()).toEqual([])
  await append(0, 1)
  await filler.close(upload)
  expect(await chunks()).toEqual([10])
})

test('closing leaves an upload alone that has all its chunks', async () => {
  const { fill, filler, upload, accept } = await start(10)
  await fill([10])
  accept.mockClear()

  await filler.close(upload)

  expect(accept).not.toHaveBeenCalled()
})

type Harness = Awaited<ReturnType<typeof start>>
/** So many bytes, an error of the source, or what happens between two pieces. */
type Piece = number | Error | (() => unknown)

const after = (ms: number) => (): void => void vi.advanceTimersByTime(ms)

interface FillOptions {
  from?: number
  confirm?: () => unknown
  requestUnlock?: () => void
}

async function start(size: number, fields: Partial<Upload> = {}) {
  const ledger = createMemoryLedger()
  const spool = createMemorySpool()
  const progress = createProgressBoard()
  const workGate = createWorkGate()
  let read = 0
  let unlock = (): void => {}
  const totalChunks = Math.ceil(size / STREAM_CHUNK_BYTES)
  const times = { createdAt: EARLIER, touchedAt: EARLIER }
  const upload = makeUpload({ id: ID, size, totalChunks, ...times, ...fields })
  await insertUpload(ledger, upload, 'token', { metadata: null, concat: null })

  /** As the intake does it: a chunk that is there is not claimed. */
  const accept = vi.fn(async (_id, index: number, { size, digest, claim }: ReceivedChunk) => {
    if ((await ledger.findChunk(ID, index))?.chunk === null) {
      await claim(spoolUpload(ID), index)
      await ledger.acceptChunk(
        ID,
        { index, size, digest },
        { chunkSize: null, token: null, now: EARLIER },
      )
    }
    return { upload, index, receivedChunks: 0 }
  })
  const windows = createVolumeWindows({
    postedBytes: async () => 0,
    progress,
  })
  const filler = createStreamFiller({
    ...{ ledger, spool, windows, progress, workGate },
    intake: { acceptChunk: accept },
    locks: createKeyedLock(),
    now: Date.now,
  })

  async function* bytesOf(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) {
      if (piece instanceof Error) throw piece
      if (typeof piece === 'function') piece()
      else {
        read += piece
        yield Buffer.alloc(piece, 7)
      }
    }
  }

  return {
    ...{ ledger, spool, progress, windows, workGate, upload, accept, filler },
    unlock: () => unlock(),
    fill: (pieces: readonly Piece[], options: FillOptions = {}): Promise<void> => {
      const { from = 0, confirm, requestUnlock = () => {} } = options
      const ending = new AbortController()
      unlock = () => {
        ending.abort()
        requestUnlock()
      }
      const ends = { requestUnlock: unlock, ending: ending.signal }
      const source = { bytes: bytesOf(pieces), from, ...ends }
      return filler.fill(upload, source, confirm ? () => void confirm() : null)
    },
    /** Bytes come of a chunk, as in an earlier process. */
    append: async (index: number, bytes: number): Promise<void> => {
      const { signal } = new AbortController()
      const options = { targetBytes: size, signal }
      await spool.append({ upload: spoolUpload(ID), index }, bytesOf([bytes]), options)
    },
    /** The sizes of the chunks that were accepted. */
    chunks: async () => (await ledger.chunks(ID)).map((chunk) => chunk.size),
    partial: (index: number) => spool.partialBytes({ upload: spoolUpload(ID), index }),
    touchedAt: async () => (await ledger.findUpload(ID))?.touchedAt,
    read: () => read,
    cancel: () =>
      ledger.cancelUpload(
        ID,
        { reason: CANCELLED, percent: 0, now: NOW },
        REMEMBERED_CANCELLATIONS,
      ),
    forget: () => ledger.deleteUpload(ID),
  }
}
