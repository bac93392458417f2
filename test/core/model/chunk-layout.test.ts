import { expect, test } from 'vitest'
import {
  chunkAt,
  expectedChunk,
  largestChunkSize,
  layoutOf,
} from '../../../src/core/model/chunk-layout.ts'
import type { ChunkRecord, Upload } from '../../../src/core/ports/records.ts'

const upload = { size: 10, totalChunks: 4, chunkSize: null } as Upload
const rows = (...sizes: number[]): ChunkRecord[] =>
  sizes.map((size, index) => ({ index, size, digest: '' }))

test('in an even layout every byte is in the chunk that arithmetic says', () => {
  const layout = { size: 10, chunkSize: 4 }

  expect(chunkAt(layout, 0)).toEqual({ index: 0, start: 0, size: 4 })
  expect(chunkAt(layout, 7)).toEqual({ index: 1, start: 4, size: 4 })
  expect(chunkAt(layout, 9)).toEqual({ index: 2, start: 8, size: 2 })
})

test('in a joined layout every byte is in the chunk whose rows reach over it', () => {
  const sizes = [3, 1, 4, 2]
  const layout = layoutOf(upload, rows(...sizes))

  if (layout === null) throw new Error('a joined file has a layout')
  const owners = Array.from({ length: 10 }, (_, offset) => chunkAt(layout, offset).index)
  expect(owners).toEqual([0, 0, 0, 1, 2, 2, 2, 2, 3, 3])
  expect(chunkAt(layout, 9)).toEqual({ index: 3, start: 8, size: 2 })
  expect(chunkAt(layout, 3)).toEqual({ index: 1, start: 3, size: 1 })
})

test('rows in any order make the same layout, and a missing one makes none', () => {
  expect(layoutOf(upload, rows(3, 1, 4, 2).reverse())).toEqual({ size: 10, starts: [0, 3, 4, 8] })
  expect(layoutOf(upload, rows(3, 1, 4))).toBeNull()
  expect(layoutOf(upload, [])).toBeNull()
})

test('an upload whose chunks have one size is even before any of them is there', () => {
  expect(layoutOf({ ...upload, chunkSize: 3 }, [])).toEqual({ size: 10, chunkSize: 3 })
})

test.each([
  [10, 1, 10],
  [10, 2, 9],
  [10, 3, 4],
  [10, 10, 1],
])('of %i bytes in %i chunks each but the last has at most %i', (size, totalChunks, largest) => {
  expect(largestChunkSize(size, totalChunks)).toBe(largest)
  expect(Math.ceil(size / largest)).toBe(totalChunks)
  expect(Math.ceil(size / (largest + 1))).toBeLessThan(totalChunks + Number(totalChunks === 1))
})

test.each([
  ['of a known size', { size: 10, totalChunks: 3, chunkSize: 4 }, 1, [8, 4, 4]],
  ['that is the last one', { size: 10, totalChunks: 3, chunkSize: 4 }, 2, [10, 2, 4]],
  ['before the first one is here', { size: 90, totalChunks: 18, chunkSize: null }, 7, [40, 5, 5]],
  ['of an uneven share', { size: 10, totalChunks: 4, chunkSize: null }, 1, [6, 3, 3]],
  [
    'that even shares leave nothing for',
    { size: 10, totalChunks: 7, chunkSize: null },
    6,
    [10, 0, 2],
  ],
])('a chunk %s is expected where it ends at the soonest', (_case, cut, index, expected) => {
  const { end, bytes, chunkBytes } = expectedChunk(cut, index)

  expect([end, bytes, chunkBytes]).toEqual(expected)
})
