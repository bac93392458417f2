import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type CursorQuery, createCursors } from '../../../src/core/library/cursor.ts'
import type { LibraryPosition } from '../../../src/core/ports/catalogue.ts'

const SECRET = randomBytes(32)
const QUERY: CursorQuery = {
  key: { owner: 'ann', channelId: '-1001' },
  path: ['Photos'],
  recursive: false,
  words: ['a'],
  kind: null,
  sort: 'name',
  descending: false,
}

test.each<LibraryPosition>([
  { file: { value: 'straße ☃', id: 7 }, folder: 'end' },
  { file: { value: 2 ** 50, id: 2 ** 31 - 1 }, folder: { value: '', id: 1 } },
  { file: 'start', folder: 'start' },
])('the position %j comes back from its cursor, in a query’s letters', (position) => {
  const cursors = createCursors(SECRET)

  const cursor = cursors.encode(position, QUERY)

  expect(cursor).toMatch(/^[\w-]+$/)
  expect(createCursors(SECRET).decode(cursor, QUERY)).toEqual(position)
})

test.each<[string, Partial<CursorQuery>]>([
  ['owner', { key: { owner: 'bob', channelId: '-1001' } }],
  ['channel', { key: { owner: 'ann', channelId: '-1002' } }],
  ['folder', { path: ['Photos', 'a'] }],
  ['depth', { recursive: true }],
  ['words', { words: [] }],
  ['kind', { kind: 'video' }],
  ['sort', { sort: 'size' }],
  ['direction', { descending: true }],
])('a cursor means nothing for another %s', (_, change) => {
  const cursors = createCursors(SECRET)
  const cursor = cursors.encode({ file: 'start', folder: 'end' }, QUERY)

  expect(cursors.decode(cursor, { ...QUERY, ...change })).toBeNull()
})

test('a cursor that was changed, cut, or made elsewhere means nothing', () => {
  const cursors = createCursors(SECRET)
  const cursor = cursors.encode({ file: { value: 'a', id: 1 }, folder: 'end' }, QUERY)

  expect(cursors.decode(`${cursor}AAAA`, QUERY)).toBeNull()
  expect(cursors.decode(cursor.slice(0, -4), QUERY)).toBeNull()
  expect(cursors.decode('', QUERY)).toBeNull()
  expect(createCursors(randomBytes(32)).decode(cursor, QUERY)).toBeNull()
})
