import { expect, test } from 'vitest'
import { changeOf } from '../../../src/core/cluster/carried-changes.ts'
import { hasRoom } from '../../../src/core/cluster/placing.ts'
import { mergeNews, parseNews, parseStop } from '../../../src/core/cluster/upload-news.ts'
import type { CarriedUpload } from '../../../src/core/ports/cluster/transfer-claims.ts'

test.each([
  { busyAccounts: 0, room: true },
  { busyAccounts: 3, room: true },
  { busyAccounts: 4, room: false },
  { busyAccounts: 5, room: false },
])('a node with 4 slots and $busyAccounts busy accounts has room: $room', (load) => {
  expect(hasRoom({ concurrency: 4, busyAccounts: load.busyAccounts })).toBe(load.room)
})

const row: CarriedUpload = { uploadId: 'a', state: 'receiving', isMine: true, chunkCount: 3 }

test.each([
  ['nothing new', { chunks: 3, isSealed: false }, row, 'none'],
  ['less than the job was told of', { chunks: 4, isSealed: false }, row, 'none'],
  ['more chunks', { chunks: 2, isSealed: false }, row, 'reload'],
  ['a seal', { chunks: 3, isSealed: false }, { ...row, state: 'sealed' }, 'reload'],
  ['a seal that is known', { chunks: 3, isSealed: true }, { ...row, state: 'sealed' }, 'none'],
  ['its own end', { chunks: 3, isSealed: true }, { ...row, state: 'completed' }, 'none'],
  ['its own failure', { chunks: 3, isSealed: true }, { ...row, state: 'failed' }, 'none'],
  ['a cancellation', { chunks: 3, isSealed: true }, { ...row, state: 'cancelled' }, 'cancelled'],
  ['another carrier', { chunks: 3, isSealed: true }, { ...row, isMine: false }, 'lost'],
  ['no row', { chunks: 3, isSealed: true }, null, 'gone'],
] as const)('a row with %s', (_name, known, found, change) => {
  expect(changeOf(known, found)).toBe(change)
})

test('what is told of an upload within a moment is told at once', () => {
  const first = { uploadId: 'a', chunkSize: 5, chunks: [1], look: false }

  expect(mergeNews(undefined, first)).toEqual(first)
  expect(mergeNews(first, { uploadId: 'a', chunkSize: null, chunks: [], look: true })).toEqual({
    uploadId: 'a',
    chunkSize: 5,
    chunks: [1],
    look: true,
  })
})

test('of the words of other nodes only those are believed that make sense', () => {
  const news = { uploadId: 'a', chunkSize: null, chunks: [0, 7], look: false }

  expect(
    parseNews({ uploads: [news, { ...news, chunks: [-1] }, { ...news, look: 1 }, 7] }),
  ).toEqual([news])
  expect(parseNews(null)).toEqual([])
  expect(parseStop({ uploadId: 'a', isCancelled: true })).toEqual({
    uploadId: 'a',
    isCancelled: true,
  })
  expect(parseStop({ uploadId: 7 })).toBeNull()
})
