import { expect, test } from 'vitest'
import type { LibraryQuery } from '../../../src/core/ports/catalogue.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const QUERY: LibraryQuery = {
  path: [],
  recursive: true,
  words: ['x'],
  kind: null,
  sort: 'date',
  descending: false,
  limit: 3,
  after: { file: 'start', folder: 'start' },
}

test('a scan of many thousand files finds those of every step, and lets others through', async () => {
  const ledger = createMemoryLedger()
  const files = Array.from({ length: 21_000 }, (_, n) =>
    makeFile(n + 1, { size: n, name: n % 5_000 === 0 ? `x${n}` : `${n}` }),
  )
  await ledger.applyToLibrary(KEY, { files })
  const found = async (query: Partial<LibraryQuery>) => {
    const page = await ledger.libraryPage(KEY, { ...QUERY, ...query })
    return page?.files.map(({ size }) => size)
  }

  expect(await found({})).toEqual([0, 5_000, 10_000])
  expect(await found({ descending: true })).toEqual([20_000, 15_000, 10_000])
  expect(await found({ sort: 'size' })).toEqual([0, 5_000, 10_000])
  expect(await found({ sort: 'size', descending: true })).toEqual([20_000, 15_000, 10_000])
  expect(await found({ sort: 'name', limit: 9 })).toEqual([0, 5_000, 10_000, 15_000, 20_000])
  const after = { file: { value: 10_001, id: 10_001 }, folder: 'start' } as const
  expect(await found({ after })).toEqual([15_000, 20_000])
  expect(await found({ after, descending: true })).toEqual([5_000, 0])
  expect(await found({ words: ['y'] })).toEqual([])

  const order: string[] = []
  const scan = found({ words: ['y'] }).then(() => order.push('scan'))
  setImmediate(() => order.push('other'))
  await scan
  expect(order).toEqual(['other', 'scan'])
})

test('scans run one at a time, and owners by turns', async () => {
  const ledger = createMemoryLedger()
  const bob = { ...KEY, owner: 'bob' }
  for (const key of [KEY, bob]) await ledger.applyToLibrary(key, { files: [makeFile(1)] })
  const ended: string[] = []
  const scan = async (key: typeof KEY, name: string) => {
    await ledger.libraryPage(key, QUERY)
    ended.push(name)
  }

  await Promise.all([scan(KEY, 'ann 1'), scan(KEY, 'ann 2'), scan(KEY, 'ann 3'), scan(bob, 'bob')])

  expect(ended).toEqual(['ann 1', 'bob', 'ann 2', 'ann 3'])
})
