import { expect, test } from 'vitest'
import { columnsIn, visibleRows } from '../../../src/web/library/window.ts'

const HEIGHT = 800

test.each([
  ['at the top', { rows: 10_000, top: 0 }, { from: 0, to: 22 }],
  ['above the list', { rows: 10_000, top: -300 }, { from: 0, to: 16 }],
  ['in the middle', { rows: 10_000, top: 250_000 }, { from: 4994, to: 5022 }],
  ['at the end', { rows: 10_000, top: 499_200 }, { from: 9978, to: 10_000 }],
  ['far below a list that became short', { rows: 3, top: 250_000 }, { from: 3, to: 3 }],
  ['with no rows', { rows: 0, top: 0 }, { from: 0, to: 0 }],
])('%s, only rows in sight and a few beyond are drawn', (_where, place, rows) => {
  const seen = visibleRows({ ...place, rowHeight: 50, height: HEIGHT })

  expect(seen).toMatchObject(rows)
})

test('what is not drawn keeps its height', () => {
  const { from, to, above, below } = visibleRows({
    ...{ rows: 1000, rowHeight: 50 },
    ...{ top: 20_000, height: HEIGHT },
  })

  expect(above + (to - from) * 50 + below).toBe(50_000)
})

test.each([
  [100, 1],
  [144, 1],
  [299, 1],
  [300, 2],
  [1180, 7],
])('%i pixels have %i tiles in a row', (width, columns) => {
  expect(columnsIn(width, 144, 12)).toBe(columns)
})
