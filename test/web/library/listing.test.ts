import type { LibraryFolder, LibraryPageOptions, LibraryQuery } from 'telestore-client'
import { expect, test, vi } from 'vitest'
import { createListing } from '../../../src/web/library/listing.ts'
import { ROOT } from '../../../src/web/library/place.ts'
import { makeItem } from './entries.ts'

const BY_NAME = { by: 'name', descending: false } as const

test('a place is read page after page, folders first', async () => {
  const worker = fakeWorker({ files: 1200, folders: ['b', 'a'] })
  const listing = createListing(worker, () => {})

  await listing.show(ROOT, BY_NAME)
  const first = listing.state.value
  await listing.more()

  expect(first.entries).toHaveLength(502)
  expect(first.entries.slice(0, 3).map(({ name }) => name)).toEqual(['b', 'a', '0.txt'])
  expect(listing.state.value.entries).toHaveLength(1002)
  await listing.all()
  expect(listing.state.value).toMatchObject({ next: null, isLoading: false, error: null })
  expect(listing.state.value.entries).toHaveLength(1202)
})

test('a list that is read again is read as far as before', async () => {
  const worker = fakeWorker({ files: 1200 })
  const listing = createListing(worker, () => {})
  await listing.show(ROOT, BY_NAME)
  await listing.more()
  worker.files = 1300

  await listing.refresh()

  expect(listing.state.value.entries).toHaveLength(1000)
  expect(listing.state.value.next).toBe('1000')
})

test('changes during a reading make it be done once more, and it is always finished', async () => {
  const worker = fakeWorker({ files: 1 })
  const listing = createListing(worker, () => {})
  await listing.show(ROOT, BY_NAME)
  worker.asked.length = 0

  const reading = listing.refresh()
  worker.files = 3
  await Promise.all([listing.refresh(), listing.refresh(), listing.refresh(), reading])

  expect(worker.asked).toHaveLength(2)
  expect(listing.state.value.entries).toHaveLength(3)
})

test('the answer for a place that was left is not shown', async () => {
  const worker = fakeWorker({ files: 2 })
  const listing = createListing(worker, () => {})
  worker.hold()
  const left = listing.show({ ...ROOT, folder: '/left' }, BY_NAME)
  const shown = listing.show({ ...ROOT, folder: '/shown' }, BY_NAME)

  worker.release()
  await Promise.all([left, shown])

  expect(listing.state.value.entries.map(({ key }) => key)).toEqual(['file 1', 'file 2'])
  expect(worker.asked.map(({ folder }) => folder)).toEqual(['/left', '/shown'])
  expect(listing.state.value.isLoading).toBe(false)
})

test('a place that cannot be read shows nothing, and says why', async () => {
  const worker = fakeWorker({ files: 2 })
  const onFailure = vi.fn()
  const listing = createListing(worker, onFailure)
  await listing.show(ROOT, BY_NAME)
  worker.fault = new Error('no such folder')

  await listing.show({ ...ROOT, folder: '/gone' }, BY_NAME)

  expect(listing.state.value).toMatchObject({ entries: [], error: worker.fault, isLoading: false })
  expect(onFailure).toHaveBeenCalledExactlyOnceWith(worker.fault)
})

test('a list that cannot be read again stays', async () => {
  const worker = fakeWorker({ files: 2 })
  const listing = createListing(worker, () => {})
  await listing.show(ROOT, BY_NAME)
  worker.fault = new Error('the network is away')

  await listing.refresh()

  expect(listing.state.value.entries).toHaveLength(2)
  expect(listing.state.value.error).toBe(worker.fault)
})

test('a kind is looked for in all folders below, without the folders', async () => {
  const worker = fakeWorker({ files: 1, folders: ['a'] })
  const listing = createListing(worker, () => {})

  await listing.show({ ...ROOT, kind: 'video' }, { by: 'size', descending: true })

  expect(worker.asked[0]).toEqual({
    ...{ folder: '/', sort: 'size', order: 'desc', limit: 500, recursive: true, kind: 'video' },
  })
  expect(listing.state.value.entries.map(({ kind }) => kind)).toEqual(['file'])
})

/** Answers with files that are numbered from 1 on. */
function fakeWorker({ files, folders = [] }: { files: number; folders?: string[] }) {
  const asked: LibraryQuery[] = []
  let gate = Promise.resolve()
  let open = (): void => {}
  const worker = {
    files,
    fault: null as Error | null,
    asked,
    hold: () => {
      gate = new Promise((resolve) => {
        open = resolve
      })
    },
    release: () => open(),
    list: async (query: LibraryQuery = {}, { signal, cursor }: LibraryPageOptions = {}) => {
      asked.push(query)
      await gate
      signal?.throwIfAborted()
      if (worker.fault) throw worker.fault
      const from = Number(cursor ?? 0)
      const to = Math.min(from + (query.limit ?? 0), worker.files)
      return {
        items: Array.from({ length: to - from }, (_, index) => makeItem(from + index)),
        folders: from === 0 ? folders.map(makeFolder) : [],
        next: to < worker.files ? String(to) : null,
        sync: { state: 'current' as const, seen: 0, total: null, at: null },
      }
    },
  }
  return worker
}

function makeFolder(name: string): LibraryFolder {
  return { name, path: `/${name}`, files: 0, bytes: 0 }
}
