import { expect, test } from 'vitest'
import { indexAfter } from '../../../src/web/library/moves.ts'

/** Ten tiles in rows of four: the last row has two. */
const TILES = { count: 10, columns: 4, rowsOfPage: 2 }
const LIST = { count: 10, columns: 1, rowsOfPage: 4 }

test.each([
  ['ArrowRight', 0, 1],
  ['ArrowRight', 3, 4],
  ['ArrowRight', 9, 9],
  ['ArrowLeft', 0, 0],
  ['ArrowLeft', 4, 3],
  ['ArrowDown', 1, 5],
  ['ArrowDown', 7, 9],
  ['ArrowDown', 8, 8],
  ['ArrowUp', 5, 1],
  ['ArrowUp', 1, 1],
  ['PageDown', 0, 8],
  ['PageDown', 5, 9],
  ['PageUp', 9, 1],
  ['PageUp', 3, 0],
  ['Home', 7, 0],
  ['End', 2, 9],
  ['x', 2, null],
])('among tiles, %s leads from %i to %s', (key, from, to) => {
  expect(indexAfter(key, from, TILES)).toBe(to)
})

test.each([
  ['ArrowDown', 0, 1],
  ['ArrowUp', 0, 0],
  ['PageDown', 3, 7],
  ['ArrowRight', 3, null],
])('in a list, %s leads from %i to %s', (key, from, to) => {
  expect(indexAfter(key, from, LIST)).toBe(to)
})

test('in an empty list no key leads anywhere', () => {
  expect(indexAfter('End', 0, { ...LIST, count: 0 })).toBe(null)
})
