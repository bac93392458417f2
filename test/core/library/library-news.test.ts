import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  createLibraryFeed,
  createLibraryNews,
  tellChanges,
} from '../../../src/core/library/library-news.ts'
import type { LibraryChanges } from '../../../src/core/ports/catalogue.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'

const KEY = { owner: 'ann', channelId: '-1001' }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a change is told at once, and many together a second later', async () => {
  const news = createLibraryNews()
  const { told, abort } = follow(news, 'ann')

  news.changed('ann')
  await vi.advanceTimersByTimeAsync(0)
  expect(told.count).toBe(1)
  for (let changes = 0; changes < 10_000; changes++) news.changed('ann')
  await vi.advanceTimersByTimeAsync(999)
  expect(told.count).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(told.count).toBe(2)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(told.count).toBe(2)

  abort()
})

test('owners hear of their own libraries alone, each listener of every change', async () => {
  const news = createLibraryNews()
  const [first, second, other] = [follow(news, 'ann'), follow(news, 'ann'), follow(news, 'bob')]

  news.changed('ann')
  await vi.advanceTimersByTimeAsync(0)

  expect([first, second, other].map(({ told }) => told.count)).toEqual([1, 1, 0])
  for (const { abort } of [first, second, other]) abort()
})

test('what changes between the call and the first reading is told; after the end nothing is', async () => {
  const news = createLibraryNews()
  const left = new AbortController()
  const feed = createLibraryFeed(news, 'ann', { signal: left.signal })

  news.changed('ann')
  expect(await feed.next()).toEqual({ done: false, value: undefined })
  const next = feed.next()
  left.abort(new Error('left'))

  await expect(next).rejects.toThrow('left')
  news.changed('ann')
})

test.each<[string, LibraryChanges, number]>([
  ['a new file', { files: [makeFile(2)] }, 1],
  ['the same file again', { files: [makeFile(1)] }, 0],
  ['a message that was not there', { gone: [9] }, 0],
  ['a message that goes', { gone: [1] }, 1],
  ['a look that finds nothing', { sync: { pts: 5, scan: null, lookedAt: 7 } }, 0],
  [
    'a step of a rescan',
    { sync: { pts: null, scan: { pts: 5, below: 9, seen: 1, total: 2 }, lookedAt: null } },
    1,
  ],
])('%s is news %#', async (_, changes, times) => {
  const changed = vi.fn()
  const ledger = tellChanges(createMemoryLedger(), { changed })
  await ledger.applyToLibrary(KEY, { files: [makeFile(1)] })
  changed.mockClear()

  await ledger.applyToLibrary(KEY, changes)

  expect(changed.mock.calls).toEqual(Array(times).fill(['ann']))
})

test('the end of a rescan is news, though it changes no row', async () => {
  const changed = vi.fn()
  const ledger = tellChanges(createMemoryLedger(), { changed })
  const scan = { pts: 5, below: 9, seen: 1, total: 2 }
  await ledger.applyToLibrary(KEY, { sync: { pts: null, scan, lookedAt: null } })
  changed.mockClear()

  await ledger.applyToLibrary(KEY, { sync: { pts: 5, scan: null, lookedAt: 7 } })
  await ledger.applyToLibrary(KEY, { sync: { pts: 5, scan: null, lookedAt: 8 } })

  expect(changed).toHaveBeenCalledTimes(1)
})

function follow(news: ReturnType<typeof createLibraryNews>, owner: string) {
  const left = new AbortController()
  const told = { count: 0 }
  const feed = createLibraryFeed(news, owner, { signal: left.signal })
  const reading = (async () => {
    for await (const _ of feed) told.count++
  })()
  reading.catch(() => {})
  return { told, abort: () => left.abort(new Error('left')) }
}
