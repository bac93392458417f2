import { expect, test, vi } from 'vitest'
import { createBlockCache, UNIT_BYTES } from '../../../src/core/downloads/block-cache.ts'
import { createDocumentReader } from '../../../src/core/downloads/document-reader.ts'
import type { ByteRange } from '../../../src/core/model/byte-range.ts'
import type { RemoteDocument } from '../../../src/core/ports/telegram.ts'
import { MiB } from '../../../src/lib/units.ts'

const never = new AbortController().signal

test.each([
  ['the first byte', 0, 0],
  ['the last byte', 3 * MiB + 4, 3 * MiB + 4],
  ['a range inside of one unit', 10, 99],
  ['a range over the border of two units', UNIT_BYTES - 1, UNIT_BYTES],
  ['a range over the border of two blocks', MiB - 1, MiB],
  ['a whole block', MiB, 2 * MiB - 1],
  ['the whole document', 0, 3 * MiB + 4],
])('%s is read to the byte', async (_name, start, end) => {
  const { reader, file, bytes } = harness({ size: 3 * MiB + 5 })

  const read = await readAll(reader.read(file, { start, end }, never))

  expect(read.equals(bytes.subarray(start, end + 1))).toBe(true)
})

test('a seek asks for one unit first, so that its bytes come after one short answer', async () => {
  const { reader, file, asked } = harness({ size: 8 * MiB })

  const reading = reader.read(file, { start: 5 * MiB + 7, end: 8 * MiB - 1 }, never)
  await reading.next()

  expect(asked[0]).toEqual({ offset: 5 * MiB, length: UNIT_BYTES })
  await reading.return()
})

test('a reader that stands still asks for no more than a window ahead', async () => {
  const { reader, file, askedBytes } = harness({ size: 64 * MiB, maxWindowBytes: 4 * MiB })

  const reading = reader.read(file, { start: 0, end: file.size - 1 }, never)
  for (let pieces = 0; pieces < 12; pieces++) await reading.next()
  const before = askedBytes()
  await settle()

  expect(askedBytes()).toBe(before)
  // Twelve pieces were passed on; beyond them at most the window and the block that it ends in.
  expect(before).toBeLessThanOrEqual(12 * MiB + 4 * MiB + MiB)
  await reading.return()
})

test('all readers together stay within the common bound, and each one still gets its next piece', async () => {
  const { reader, file, askedBytes } = harness({ size: 32 * MiB, maxTotalBytes: 2 * MiB })

  const readings = [0, 8, 16, 24].map((at) =>
    reader.read(file, { start: at * MiB, end: (at + 8) * MiB - 1 }, never),
  )
  for (const reading of readings) await reading.next()
  await settle()

  // A unit that was passed on and one block ahead for each, and the bound for what is beyond it.
  expect(askedBytes()).toBeLessThanOrEqual(4 * (UNIT_BYTES + MiB) + 2 * MiB)
  for (const reading of readings) expect((await reading.next()).done).toBe(false)
  for (const reading of readings) await reading.return()
})

test('two readers of the same range share their requests', async () => {
  const { reader, file, bytes, asked } = harness({ size: 2 * MiB })
  const range = { start: 0, end: 2 * MiB - 1 }

  const both = await Promise.all([1, 2].map(() => readAll(reader.read(file, range, never))))

  for (const read of both) expect(read.equals(bytes)).toBe(true)
  expect(asked.reduce((sum, { length }) => sum + length, 0)).toBe(2 * MiB)
})

test('a reader that leaves does not end a request that another one waits for', async () => {
  const { reader, file, bytes, hold } = harness({ size: MiB })
  const answer = hold()
  const leaving = new AbortController()
  const range = { start: 0, end: UNIT_BYTES - 1 }
  const first = reader.read(file, range, leaving.signal).next()
  const second = reader.read(file, range, never).next()

  leaving.abort(new Error('left'))
  await expect(first).rejects.toThrow('left')
  answer()

  expect(Buffer.from((await second).value ?? []).equals(bytes.subarray(0, UNIT_BYTES))).toBe(true)
})

test('a reader that leaves alone ends its request to Telegram', async () => {
  const { reader, file, hold, aborted } = harness({ size: MiB })
  hold()
  const leaving = new AbortController()
  const waiting = reader.read(file, { start: 0, end: 9 }, leaving.signal).next()

  leaving.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
  await vi.waitFor(() => expect(aborted()).toBe(1))
})

test('a reader that ends in the middle leaves its share to the others', async () => {
  const { reader, file, askedBytes } = harness({ size: 32 * MiB, maxTotalBytes: 2 * MiB })
  const first = reader.read(file, { start: 0, end: 32 * MiB - 1 }, never)
  for (let pieces = 0; pieces < 6; pieces++) await first.next()
  await first.return()
  await settle()
  const before = askedBytes()

  // If the first were still counted as a reader, this one had half of the memory.
  const second = reader.read(file, { start: 16 * MiB, end: 32 * MiB - 1 }, never)
  await second.next()
  await settle()

  expect(askedBytes() - before).toBeGreaterThan(2 * MiB)
  await second.return()
})

test('a block that Telegram does not give ends the reading with its error, after what came before', async () => {
  const { reader, file, bytes, failAt } = harness({ size: 4 * MiB })
  failAt(2 * MiB, new Error('no such block'))

  const pieces: Uint8Array[] = []
  const reading = readInto(pieces, reader.read(file, { start: 0, end: 4 * MiB - 1 }, never))

  await expect(reading).rejects.toThrow('no such block')
  expect(Buffer.concat(pieces).equals(bytes.subarray(0, 2 * MiB))).toBe(true)
})

test('a block that failed is asked for again by the next reader', async () => {
  const { reader, file, bytes, failAt, asked } = harness({ size: MiB })
  failAt(0, new Error('not now'))
  const range = { start: 0, end: 9 }
  await expect(readAll(reader.read(file, range, never))).rejects.toThrow('not now')
  failAt(0, null)

  expect((await readAll(reader.read(file, range, never))).equals(bytes.subarray(0, 10))).toBe(true)
  expect(asked.filter(({ offset }) => offset === 0)).toHaveLength(2)
})

test('memory is used again once no reader reads it and the cache has dropped it', async () => {
  const { reader, file, bytes, reused } = harness({ size: 12 * MiB, cacheBytes: 2 * MiB })
  const whole = { start: 0, end: 12 * MiB - 1 }
  const slow = reader.read(file, { start: 5, end: 12 * MiB - 1 }, never)
  const held = (await slow.next()).value ?? new Uint8Array()

  const fast = await readAll(reader.read(file, whole, never))

  expect(fast.equals(bytes)).toBe(true)
  expect(reused.length).toBeGreaterThan(5)
  expect(bytes.subarray(5).indexOf(held)).toBe(0)
  const rest = await readAll(slow)
  expect(rest.equals(bytes.subarray(5 + held.length))).toBe(true)
})

test('the memory of a reader that leaves is used again, and a block that comes too late as well', async () => {
  const { reader, file, hold, reused } = harness({ size: 4 * MiB, cacheBytes: 0 })
  const first = reader.read(file, { start: 0, end: 9 }, never)
  await first.next()
  const before = reused.length
  await first.return()

  const release = hold()
  const leaver = new AbortController()
  const late = reader.read(file, { start: 2 * MiB, end: 2 * MiB + 9 }, leaver.signal)
  const failed = expect(late.next()).rejects.toThrow('left')
  leaver.abort(new Error('left'))
  await failed
  release()

  expect([before, reused.length]).toEqual([0, 1])
  await vi.waitFor(() => expect(reused).toHaveLength(2))
})

test.each([
  ['within the first', [[0, 0, 99]]],
  [
    'the end of one and the beginning of the next',
    [
      [0, 3 * MiB - 7, 3 * MiB + 4],
      [1, 0, 9],
    ],
  ],
  [
    'all of three',
    [
      [0, 0, 3 * MiB + 4],
      [1, 0, 3 * MiB + 4],
      [2, 0, 3 * MiB + 4],
    ],
  ],
])('of several documents in a row is read to the byte: %s', async (_name, rows) => {
  const { spans, documents, bytes } = harness({ size: 3 * MiB + 5 })

  const wanted = rows.map(([index = 0, start = 0, end = 0]) => ({ index, start, end }))
  const read = await readAll(
    spans.read(
      wanted.map(({ index, ...range }) => ({ range, document: () => at(documents, index) })),
      never,
    ),
  )

  const parts = wanted.map(({ start, end }) => bytes.subarray(start, end + 1))
  expect(read.equals(Buffer.concat(parts))).toBe(true)
})

test('a seek to a border asks both documents at once', async () => {
  const { spans, documents, asked, hold } = harness({ size: 2 * MiB })
  const answer = hold()

  const reading = spans.read(
    [
      { range: { start: 2 * MiB - 4, end: 2 * MiB - 1 }, document: () => at(documents, 0) },
      { range: { start: 0, end: 3 }, document: () => at(documents, 1) },
    ],
    never,
  )
  const first = reading.next()

  expect(asked).toEqual([
    { offset: 2 * MiB - UNIT_BYTES, length: UNIT_BYTES },
    { offset: 0, length: UNIT_BYTES },
  ])
  answer()
  expect((await first).value).toHaveLength(4)
  await reading.return()
})

test('the next document is located while the one before it is read', async () => {
  const { spans, documents } = harness({ size: 8 * MiB, maxWindowBytes: MiB })
  const located: number[] = []
  const range = { start: 0, end: 8 * MiB - 1 }
  const document = (index: number) => async () => {
    located.push(index)
    return at(documents, index)
  }

  const reading = spans.read(
    [0, 1, 2].map((index) => ({ range, document: document(index) })),
    never,
  )
  await reading.next()

  expect(located).toEqual([0, 1])
  expect((await readAll(reading)).length).toBe(24 * MiB - UNIT_BYTES)
  expect(located).toEqual([0, 1, 2])
})

test('a document that cannot be located ends the reading after what lies before it', async () => {
  const { spans, documents } = harness({ size: MiB })
  const range = { start: 0, end: MiB - 1 }
  const lost = async () => Promise.reject(new Error('gone'))
  const pieces: Uint8Array[] = []

  const reading = spans.read(
    [
      { range, document: () => at(documents, 0) },
      { range, document: lost },
    ],
    never,
  )

  await expect(readInto(pieces, reading)).rejects.toThrow('gone')
  expect(Buffer.concat(pieces)).toHaveLength(MiB)
})

interface HarnessOptions {
  size: number
  maxWindowBytes?: number
  maxTotalBytes?: number
  cacheBytes?: number
}

/** A reader over a document of known bytes, and what Telegram was asked for. */
function harness({
  size,
  maxWindowBytes = 8 * MiB,
  maxTotalBytes = 64 * MiB,
  cacheBytes = 32 * MiB,
}: HarnessOptions) {
  const reused: Uint8Array[] = []
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 997) bytes[at] = at % 251
  const asked: { offset: number; length: number }[] = []
  const failures = new Map<number, Error>()
  let held: Promise<void> | null = null
  let aborts = 0

  async function readBlock(
    _document: RemoteDocument,
    { offset, length }: { offset: number; length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    asked.push({ offset, length })
    signal.addEventListener('abort', () => aborts++)
    await held
    const failure = failures.get(offset)
    if (failure) throw failure
    return Uint8Array.from(bytes.subarray(offset, Math.min(size, offset + length)))
  }

  const reuse = (block: Uint8Array): void => {
    reused.push(block)
    block.fill(0xee)
  }
  const cache = createBlockCache({ gateway: { readBlock, reuse }, maxBytes: cacheBytes })
  const reader = createDocumentReader({ cache, maxWindowBytes, maxTotalBytes })
  const file: RemoteDocument = {
    id: 'document',
    size,
    fileName: null,
    mimeType: null,
    modifiedAt: null,
    caption: null,
    road: 'mtproto-user',
    locator: null,
  }
  return {
    reader: {
      read: (document: RemoteDocument, range: ByteRange, signal: AbortSignal) =>
        reader.read([{ range, document: () => document }], signal),
    },
    spans: reader,
    documents: ['document', 'other', 'third'].map((id) => ({ ...file, id })),
    file,
    bytes,
    reused,
    asked,
    askedBytes: () => asked.reduce((sum, { length }) => sum + length, 0),
    aborted: () => aborts,
    /** From now on answers wait until the returned function is called. */
    hold: (): (() => void) => {
      const gate = Promise.withResolvers<void>()
      held = gate.promise
      return gate.resolve
    },
    failAt: (offset: number, error: Error | null): void => {
      if (error) failures.set(offset, error)
      else failures.delete(offset)
    },
  }
}

function at(documents: readonly RemoteDocument[], index: number): RemoteDocument {
  const document = documents[index]
  if (!document) throw new Error(`no document ${index}`)
  return document
}

async function readInto(pieces: Uint8Array[], source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of source) pieces.push(Uint8Array.from(piece))
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  await readInto(pieces, source)
  return Buffer.concat(pieces)
}

/** Lets everything happen that waits for nothing but a turn. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve))
}
