import { expect, test, vi } from 'vitest'
import { createBlockCache, UNIT_BYTES } from '../../../src/core/downloads/block-cache.ts'
import type { RemoteDocument } from '../../../src/core/ports/telegram.ts'
import { MiB } from '../../../src/lib/units.ts'

const UNITS = MiB / UNIT_BYTES

function document(megabytes: number, id = '1'): RemoteDocument {
  const described = { fileName: null, mimeType: null, modifiedAt: 0, caption: null, locator: null }
  return { id, size: megabytes * MiB, road: 'mtproto-user', ...described }
}

/** A Telegram that answers when told to, and remembers what it was asked. */
function telegram() {
  const asked: {
    offset: number
    length: number
    signal: AbortSignal
    answer: () => void
    fail: () => void
  }[] = []
  const readBlock = (
    _document: RemoteDocument,
    { offset, length }: { offset: number; length: number },
    signal: AbortSignal,
  ) =>
    new Promise<Uint8Array>((resolve, reject) => {
      const answer = (): void => resolve(new Uint8Array(length).fill(offset / UNIT_BYTES))
      asked.push({ offset, length, signal, answer, fail: () => reject(new Error('no')) })
    })
  return { asked, readBlock }
}

/** Reads whole blocks of a document through the cache, one after another. */
async function readBlocks(
  cache: ReturnType<typeof createBlockCache>,
  source: ReturnType<typeof telegram>,
  file: RemoteDocument,
  blocks: number[],
): Promise<void> {
  for (const block of blocks) {
    const slices = cache.request(file, block * UNITS, UNITS)
    for (const request of source.asked) request.answer()
    await Promise.all(slices.map((slice) => slice.bytes))
    for (const slice of slices) slice.release()
  }
}

test('a unit that is in memory or on its way is not asked for again', async () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: 32 * MiB })
  const file = document(4)

  const first = cache.request(file, 2, 2)
  const second = cache.request(file, 0, UNITS)

  expect(
    source.asked.map(({ offset, length }) => [offset / UNIT_BYTES, length / UNIT_BYTES]),
  ).toEqual([
    [2, 2],
    [0, 2],
    [4, 4],
  ])
  for (const request of source.asked) request.answer()
  expect(await second[1]?.bytes).toEqual(await first[0]?.bytes)
  expect(cache.stats).toMatchObject({ hits: 2, misses: 8 })
})

test('a slice never crosses a block of 1 MiB nor the end of the file', () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: 0 })

  const inBlock = cache.request(document(4), 6, UNITS)
  const atEnd = cache.request({ ...document(1, '2'), size: 3 * UNIT_BYTES + 1 }, 0, UNITS)

  expect(inBlock.map(({ length }) => length / UNIT_BYTES)).toEqual([2])
  expect(atEnd.map(({ length }) => length / UNIT_BYTES)).toEqual([4])
})

test('a request is given up when the last reader that waits for it leaves', () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: MiB })
  const file = document(4)
  const [first] = cache.request(file, 0, 1)
  const [second] = cache.request(file, 0, 1)

  first?.release()
  first?.release()
  expect(source.asked[0]?.signal.aborted).toBe(false)
  second?.release()

  expect(source.asked[0]?.signal.aborted).toBe(true)
  cache.request(file, 0, 1)
  expect(source.asked).toHaveLength(2)
})

test('a failure reaches every reader that waits, and is not kept', async () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: MiB })
  const file = document(4)
  const waiting = [...cache.request(file, 0, 1), ...cache.request(file, 0, 1)]

  source.asked[0]?.fail()

  await Promise.all(waiting.map(({ bytes }) => expect(bytes).rejects.toThrow('no')))
  cache.request(file, 0, 1)
  expect(source.asked).toHaveLength(2)
})

test('no more than the bound is kept, and the ends of a file outlive its middle', async () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: 4 * MiB })
  const file = document(10)

  await readBlocks(cache, source, file, [0, 9, 1, 2, 3, 4, 5, 6])

  await vi.waitFor(() => expect(cache.stats.bytes).toBeLessThanOrEqual(4 * MiB))
  const asked = source.asked.length
  cache.request(file, 0, UNITS)
  cache.request(file, 9 * UNITS, UNITS)
  cache.request(file, 6 * UNITS, UNITS)
  expect(source.asked).toHaveLength(asked)
  cache.request(file, UNITS, UNITS)
  expect(source.asked).toHaveLength(asked + 1)
})

test('a cache of no bytes still shares what is on its way', async () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: 0 })
  const file = document(2)

  await readBlocks(cache, source, file, [0])

  expect(cache.stats.bytes).toBe(0)
  const both = [...cache.request(file, 0, 1), ...cache.request(file, 0, 1)]
  expect(source.asked).toHaveLength(2)
  expect(both).toHaveLength(2)
})

test('an answer without a reader takes no memory', async () => {
  const source = telegram()
  const cache = createBlockCache({ gateway: source, maxBytes: 32 * MiB })
  for (const slice of cache.request(document(4), 0, UNITS)) slice.release()

  for (const request of source.asked) request.answer()
  await Promise.resolve()

  expect(cache.stats.bytes).toBe(0)
})
