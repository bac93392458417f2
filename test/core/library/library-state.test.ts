import { expect, test } from 'vitest'
import { describeSync, type LibraryState } from '../../../src/core/library/library-service.ts'
import type { LibrarySync } from '../../../src/core/ports/catalogue.ts'

const scan = { pts: 5, below: 100, seen: 300, total: 400 }

test.each<[string, LibrarySync | null, boolean, LibraryState['state']]>([
  ['nothing is known', null, false, 'never'],
  ['only uploads are known', { pts: null, scan: null, lookedAt: null }, false, 'never'],
  ['the first look has just begun', null, true, 'scanning'],
  ['a rescan is on its way', { pts: null, scan, lookedAt: null }, true, 'scanning'],
  ['a rescan waits for the next look', { pts: null, scan, lookedAt: 9 }, false, 'scanning'],
  ['Telegram has forgotten the changes', { pts: null, scan: null, lookedAt: 9 }, false, 'scanning'],
  [
    'changes since the rescan are missing',
    { pts: 5, scan: null, lookedAt: null },
    false,
    'scanning',
  ],
  ['the rows agree', { pts: 5, scan: null, lookedAt: 9 }, false, 'current'],
  ['the rows agree, and are looked at again', { pts: 5, scan: null, lookedAt: 9 }, true, 'current'],
])('where %s the state is told', (_, sync, isLooking, state) => {
  const { seen, total } = sync?.scan ?? { seen: 0, total: null }
  const at = sync?.lookedAt ?? null

  expect(describeSync(sync, isLooking)).toEqual({ state, seen, total, at })
})
