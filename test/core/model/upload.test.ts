import { expect, test } from 'vitest'
import { newCaptionId } from '../../../src/core/model/caption.ts'
import { chunkSizeWith, missingChunks, openUpload } from '../../../src/core/model/upload.ts'
import { MiB } from '../../../src/lib/units.ts'

function upload(size: number, totalChunks: number, chunkSize?: number) {
  const placed = { folder: [], folderId: null, givenName: null, replaces: null }
  const about = { fileName: 'a', mimeType: 'text/plain', modifiedAt: null, ...placed }
  const named = { id: 'a', owner: 'ann', captionId: newCaptionId() }
  const opened = openUpload({ ...named, ...about, size, totalChunks }, 0)
  return chunkSize === undefined ? opened : { ...opened, chunkSize }
}

test.each([
  ['the first of three', upload(12, 3), 0, 5, 5],
  ['the middle one first', upload(12, 3), 1, 5, 5],
  ['the last one first', upload(12, 3), 2, 2, 5],
  ['a last one as long as the others', upload(15, 3), 2, 5, 5],
  ['the last of 2000 MB', upload(2000 * MiB, 400, 5 * MiB), 399, 5 * MiB, 5 * MiB],
  ['the only one', upload(7, 1), 0, 7, 7],
])('%s is taken', (_name, opened, index, size, chunkSize) => {
  expect(chunkSizeWith(opened, index, size)).toBe(chunkSize)
})

test.each([
  ['an index outside', upload(12, 3), 3, 4, 'CHUNK_OUT_OF_RANGE'],
  ['a chunk that leaves nothing for the last', upload(12, 3), 0, 6, 'CHUNK_SIZE_WRONG'],
  ['a chunk too small for the total', upload(12, 3), 0, 3, 'CHUNK_SIZE_WRONG'],
  ['a last one that leaves no even share', upload(12, 3), 2, 3, 'CHUNK_SIZE_WRONG'],
  ['a last one longer than the others', upload(12, 3), 2, 6, 'CHUNK_SIZE_WRONG'],
  ['an empty chunk', upload(12, 3), 1, 0, 'CHUNK_SIZE_WRONG'],
  ['another size than the first', upload(12, 3, 5), 1, 4, 'CHUNK_SIZE_WRONG'],
  ['an only chunk of another size', upload(7, 1), 0, 6, 'CHUNK_SIZE_WRONG'],
])('%s is refused', (_name, opened, index, size, code) => {
  expect(() => chunkSizeWith(opened, index, size)).toThrow(expect.objectContaining({ code }))
})

test('what is missing is listed in order', () => {
  expect(missingChunks(5, new Set([1, 3]))).toEqual([0, 2, 4])
})
