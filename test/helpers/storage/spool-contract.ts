import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import type {
  ReceivedChunk,
  ReceiveOptions,
  Spool,
  SpoolUpload,
} from '../../../src/core/ports/spool.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { spoolUpload } from './spool-upload.ts'

/** Ids as attackers send them, and as people might. None may do harm or meet another. */
export const STRANGE_IDS = [
  '..',
  '.',
  '../../etc/passwd',
  '/etc/passwd',
  'a/b',
  'a\\b',
  '~Li4',
  '~',
  'nul\0byte',
  'new\nline',
  '%2e%2e%2f',
  '．．／',
  'Grüße 🎉',
  '__proto__',
  'constructor',
  'a b',
]

export interface SpoolUnderTest {
  spool: Spool
  /** How many pieces of unclaimed bytes exist. */
  unclaimed: () => Promise<number>
  /** Ids of all uploads that have bytes in it. */
  uploadIds: () => Promise<string[]>
}

/** What every spool promises. `make` gives an empty one that is cleared away with the test. */
export function describeSpool(name: string, make: () => Promise<SpoolUnderTest>): void {
  describe(name, () => {
    receiving(make)
    reading(make)
    growing(make)
    keeping(make)
  })
}

type Make = () => Promise<SpoolUnderTest>

function receiving(make: Make): void {
  test('a received chunk knows its size and its SHA-256', async () => {
    const { spool } = await make()
    const bytes = randomBytes(3 * MiB + 1)

    const chunk = await receive(spool, pieces(bytes, 65_537))

    expect(chunk.size).toBe(bytes.length)
    expect(chunk.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('nothing but an empty chunk comes of an empty source', async () => {
    const { spool } = await make()

    const chunk = await receive(spool, pieces(Buffer.alloc(0), 1))

    expect(chunk.size).toBe(0)
    expect(chunk.digest).toBe(createHash('sha256').digest('hex'))
  })

  test.each([1, 7, 1000, 65_536, MiB])(
    'bytes that came in pieces of %i bytes come back',
    async (pieceSize) => {
      const { spool } = await make()
      const bytes = randomBytes(Math.min(2 * MiB + 5, pieceSize * 3000))

      await claim(spool, 'up', 0, pieces(bytes, pieceSize))

      const layout = { size: bytes.length, chunkSize: bytes.length }
      expect((await readAll(spool, 'up', layout)).equals(bytes)).toBe(true)
    },
  )

  test('one byte over the limit is refused and leaves nothing', async () => {
    const { spool, unclaimed } = await make()
    const bytes = randomBytes(MiB + 1)

    const refused = receive(spool, pieces(bytes, 10_000), { maxBytes: MiB })

    await expect(refused).rejects.toMatchObject({ code: 'CHUNK_TOO_LARGE' })
    expect(await unclaimed()).toBe(0)
    expect((await receive(spool, pieces(bytes, 10_000), { maxBytes: MiB + 1 })).size).toBe(MiB + 1)
  })

  test("the source's own error comes through and leaves nothing", async () => {
    const { spool, unclaimed } = await make()
    const broken = new Error('the connection broke')
    async function* source() {
      yield randomBytes(700 * KiB)
      throw broken
    }

    await expect(receive(spool, source())).rejects.toBe(broken)

    expect(await unclaimed()).toBe(0)
  })

  test('an abort ends a receive whose source is silent, with its reason', async () => {
    const { spool, unclaimed } = await make()
    const controller = new AbortController()
    const silent = vi.fn(() => new Promise<IteratorResult<Uint8Array>>(() => {}))
    const returned = vi.fn(async () => ({ done: true as const, value: undefined }))
    const source = { [Symbol.asyncIterator]: () => ({ next: silent, return: returned }) }

    const received = receive(spool, source, { signal: controller.signal })
    await vi.waitFor(() => expect(silent).toHaveBeenCalled())
    const reason = new Error('the client left')
    controller.abort(reason)

    await expect(received).rejects.toBe(reason)
    expect(returned).toHaveBeenCalledOnce()
    expect(await unclaimed()).toBe(0)
  })

  test('a signal that aborted before does not touch the source', async () => {
    const { spool } = await make()
    const source = { [Symbol.asyncIterator]: vi.fn() }
    const reason = new Error('too late')

    const received = receive(spool, source, { signal: AbortSignal.abort(reason) })

    await expect(received).rejects.toBe(reason)
    expect(source[Symbol.asyncIterator]).not.toHaveBeenCalled()
  })

  test('discarding twice, or after a claim, does no harm', async () => {
    const { spool, unclaimed } = await make()
    const bytes = randomBytes(1000)

    const first = await receive(spool, pieces(bytes, 100))
    expect(await unclaimed()).toBe(1)
    await first.discard()
    await first.discard()
    expect(await unclaimed()).toBe(0)

    const second = await claim(spool, 'up', 0, pieces(bytes, 100))
    await second.discard()
    expect(await readAll(spool, 'up', { size: 1000, chunkSize: 1000 })).toEqual(bytes)
  })
}

function reading(make: Make): void {
  // Chunks of 1000 bytes, the last of 234: every border from both sides.
  test.each([
    [0, 3234],
    [0, 1],
    [999, 1],
    [999, 2],
    [1000, 1000],
    [1, 2999],
    [1500, 1600],
    [3233, 1],
    [3000, 234],
    [2999, 235],
    [3234, 0],
  ])('from offset %i, %i bytes are read across chunks', async (offset, length) => {
    const { spool } = await make()
    const bytes = randomBytes(3234)
    await claimAll(spool, 'up', bytes, 1000)

    const target = Buffer.alloc(length, 0xff)
    await spool.read(spoolUpload('up'), { size: 3234, chunkSize: 1000 }, offset, target)

    expect(target).toEqual(bytes.subarray(offset, offset + length))
  })

  test('a chunk can be read before the others are there', async () => {
    const { spool } = await make()
    const bytes = randomBytes(1000)
    await claim(spool, 'up', 2, pieces(bytes, 1000))

    const target = Buffer.alloc(1000)
    await spool.read(spoolUpload('up'), { size: 5000, chunkSize: 1000 }, 2000, target)

    expect(target).toEqual(bytes)
  })

  test('a missing chunk is SPOOL_DAMAGED, and readable once it is there', async () => {
    const { spool } = await make()
    const layout = { size: 2000, chunkSize: 1000 }
    await claim(spool, 'up', 0, pieces(randomBytes(1000), 1000))

    await expect(readAll(spool, 'up', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
    await expect(readAll(spool, 'no', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })

    await claim(spool, 'up', 1, pieces(randomBytes(1000), 1000))
    expect(await readAll(spool, 'up', layout)).toHaveLength(2000)
  })

  test('a short chunk is SPOOL_DAMAGED', async () => {
    const { spool } = await make()
    await claim(spool, 'up', 0, pieces(randomBytes(999), 1000))

    const read = readAll(spool, 'up', { size: 1000, chunkSize: 1000 })

    await expect(read).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
  })

  test('a chunk claimed again is read anew', async () => {
    const { spool } = await make()
    const layout = { size: 1000, chunkSize: 1000 }
    const second = randomBytes(1000)
    await claim(spool, 'up', 0, pieces(randomBytes(1000), 1000))
    await readAll(spool, 'up', layout)

    await claim(spool, 'up', 0, pieces(second, 1000))

    expect(await readAll(spool, 'up', layout)).toEqual(second)
  })
}

function growing(make: Make): void {
  const name = { upload: spoolUpload('up'), index: 2 }
  const { signal } = new AbortController()

  test('a chunk grows over several calls, and is a chunk once it is whole', async () => {
    const { spool } = await make()
    const bytes = randomBytes(2500)
    const options = { targetBytes: bytes.length, signal }

    const first = await spool.append(name, pieces(bytes.subarray(0, 700), 100), options)
    expect(first).toEqual({ size: 700, whole: null })
    expect(await spool.partialBytes(name)).toBe(700)
    expect(await spool.chunkFileSize(spoolUpload('up'), 2)).toBeNull()

    const last = await spool.append(name, pieces(bytes.subarray(700), 1000), options)
    expect(last.size).toBe(2500)
    expect(last.whole?.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
    await last.whole?.claim(spoolUpload('up'), 2)

    expect(await spool.partialBytes(name)).toBe(0)
    expect(await spool.chunkFileSize(spoolUpload('up'), 2)).toBe(2500)
    const target = Buffer.alloc(2500)
    await spool.read(spoolUpload('up'), { size: 7500, chunkSize: 2500 }, 5000, target)
    expect(target).toEqual(bytes)
  })

  test('one call is enough for a chunk that comes whole', async () => {
    const { spool } = await make()
    const bytes = randomBytes(MiB)

    const appended = await spool.append(name, pieces(bytes, 65_536), { targetBytes: MiB, signal })

    expect(appended.whole?.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('what came before the source broke stays', async () => {
    const { spool } = await make()
    const bytes = randomBytes(900)
    const broken = new Error('the connection broke')
    async function* source() {
      yield* pieces(bytes.subarray(0, 600), 100)
      throw broken
    }

    const appended = spool.append(name, source(), { targetBytes: 900, signal })

    await expect(appended).rejects.toBe(broken)
    expect(await spool.partialBytes(name)).toBe(600)
    const rest = pieces(bytes.subarray(600), 100)
    const { whole } = await spool.append(name, rest, { targetBytes: 900, signal })
    expect(whole?.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('a chunk that is whole already is so without another byte', async () => {
    const { spool } = await make()
    const bytes = randomBytes(900)
    await spool.append(name, pieces(bytes, 100), { targetBytes: 900, signal })

    const { whole } = await spool.append(name, pieces(Buffer.alloc(0), 1), {
      targetBytes: 900,
      signal,
    })

    expect(whole?.digest).toBe(createHash('sha256').update(bytes).digest('hex'))
  })

  test('a chunk never grows over its size', async () => {
    const { spool } = await make()

    const appended = spool.append(name, pieces(randomBytes(901), 300), { targetBytes: 900, signal })

    await expect(appended).rejects.toMatchObject({ code: 'CHUNK_TOO_LARGE' })
    expect(await spool.partialBytes(name)).toBe(900)
  })

  test('a received chunk can be read before it is claimed', async () => {
    const { spool } = await make()
    const bytes = randomBytes(700 * KiB)
    const received = await receive(spool, pieces(bytes, 65_536))

    const read: Uint8Array[] = []
    for await (const piece of received.read()) read.push(piece)

    expect(Buffer.concat(read).equals(bytes)).toBe(true)
  })

  test('a shared chunk outlives the upload it came from', async () => {
    const { spool } = await make()
    const bytes = randomBytes(1000)
    await claim(spool, 'from', 0, pieces(bytes, 100))
    await claim(spool, 'to', 1, pieces(randomBytes(500), 100))

    await spool.share(
      { upload: spoolUpload('from'), index: 0 },
      { upload: spoolUpload('to'), index: 1 },
    )
    await spool.remove(spoolUpload('from'))

    const target = Buffer.alloc(1000)
    await spool.read(spoolUpload('to'), { size: 1500, starts: [0, 500] }, 500, target)
    expect(target).toEqual(bytes)
    await expect(
      spool.share(
        { upload: spoolUpload('from'), index: 0 },
        { upload: spoolUpload('to'), index: 0 },
      ),
    ).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
  })
}

function keeping(make: Make): void {
  test('the size of a chunk is known, and null when it is not there', async () => {
    const { spool } = await make()
    await claim(spool, 'up', 3, pieces(randomBytes(123), 50))

    expect(await spool.chunkFileSize(spoolUpload('up'), 3)).toBe(123)
    expect(await spool.chunkFileSize(spoolUpload('up'), 0)).toBeNull()
    expect(await spool.chunkFileSize(spoolUpload('other'), 3)).toBeNull()
  })

  test('removing an upload removes its chunks and no others', async () => {
    const { spool, uploadIds } = await make()
    await claimAll(spool, 'a', randomBytes(3000), 1000)
    await claimAll(spool, 'ab', randomBytes(3000), 1000)

    await spool.remove(spoolUpload('a'))
    await spool.remove(spoolUpload('never-there'))

    expect(await uploadIds()).toEqual(['ab'])
    expect(await spool.chunkFileSize(spoolUpload('a'), 0)).toBeNull()
    expect(await readAll(spool, 'ab', { size: 3000, chunkSize: 1000 })).toHaveLength(3000)
  })

  test('an upload removed while it is read gives true bytes or SPOOL_DAMAGED, and can begin anew', async () => {
    const { spool } = await make()
    const layout = { size: 4 * MiB, chunkSize: 512 * KiB }
    const bytes = randomBytes(layout.size)
    await claimAll(spool, 'up', bytes, layout.chunkSize)

    const reads = Array.from({ length: 8 }, () => readAll(spool, 'up', layout))
    const ends = Promise.allSettled(reads)
    await spool.remove(spoolUpload('up'))
    for (const end of await ends) {
      if (end.status === 'fulfilled') expect(end.value.equals(bytes)).toBe(true)
      else expect(end.reason).toMatchObject({ code: 'SPOOL_DAMAGED' })
    }

    const anew = randomBytes(layout.size)
    await claimAll(spool, 'up', anew, layout.chunkSize)
    expect((await readAll(spool, 'up', layout)).equals(anew)).toBe(true)
  })

  test.each(STRANGE_IDS)('the id %j is kept like any other', async (id) => {
    const { spool, uploadIds } = await make()
    const bytes = randomBytes(10)
    await claim(spool, 'plain', 0, pieces(randomBytes(10), 10))

    await claim(spool, id, 0, pieces(bytes, 10))

    expect((await uploadIds()).toSorted()).toEqual([id, 'plain'].toSorted())
    expect(await readAll(spool, id, { size: 10, chunkSize: 10 })).toEqual(bytes)
    await spool.remove(spoolUpload(id))
    expect(await uploadIds()).toEqual(['plain'])
  })

  test('clearing temporary files spares what a request still holds', async () => {
    const { spool } = await make()
    const bytes = randomBytes(1000)
    const chunk = await receive(spool, pieces(bytes, 100))

    await spool.removeTemporary()
    await chunk.claim(spoolUpload('up'), 0)

    expect(await readAll(spool, 'up', { size: 1000, chunkSize: 1000 })).toEqual(bytes)
  })

  test('a healthy spool passes its check and leaves nothing of it', async () => {
    const { spool, unclaimed } = await make()

    await spool.check()

    expect(await unclaimed()).toBe(0)
  })
}

const UNLIMITED = { maxBytes: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal }

export function receive(
  spool: Spool,
  source: AsyncIterable<Uint8Array>,
  options: Partial<ReceiveOptions> = {},
): Promise<ReceivedChunk> {
  return spool.receive(source, { ...UNLIMITED, ...options })
}

export async function claim(
  spool: Spool,
  upload: string | SpoolUpload,
  index: number,
  source: AsyncIterable<Uint8Array>,
): Promise<ReceivedChunk> {
  const chunk = await receive(spool, source)
  await chunk.claim(named(upload), index)
  return chunk
}

export async function claimAll(
  spool: Spool,
  uploadId: string,
  bytes: Buffer,
  chunkSize: number,
): Promise<void> {
  for (let index = 0; index * chunkSize < bytes.length; index++) {
    const chunk = bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
    await claim(spool, uploadId, index, pieces(chunk, 64 * KiB))
  }
}

export async function readAll(
  spool: Spool,
  upload: string | SpoolUpload,
  layout: { size: number; chunkSize: number },
): Promise<Buffer> {
  const target = Buffer.alloc(layout.size)
  await spool.read(named(upload), layout, 0, target)
  return target
}

/** The first opening of an id. */
function named(upload: string | SpoolUpload): SpoolUpload {
  return typeof upload === 'string' ? spoolUpload(upload) : upload
}

export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
