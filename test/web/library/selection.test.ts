import { expect, test } from 'vitest'
import {
  chooseAll,
  extendTo,
  NOTHING,
  retain,
  type Selection,
  toggle,
} from '../../../src/web/library/selection.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

test('an entry is selected and taken out again', () => {
  const selected = toggle(toggle(NOTHING, 'b'), 'd')

  expect(chosenIn(selected)).toBe('bd')
  expect(chosenIn(toggle(selected, 'b'))).toBe('d')
})

test('a range begins at the entry that was selected last, in both directions', () => {
  const begun = toggle(NOTHING, 'c')

  expect(chosenIn(extendTo(begun, 'e', KEYS))).toBe('cde')
  expect(chosenIn(extendTo(begun, 'a', KEYS))).toBe('abc')
})

test('a range that becomes shorter lets go of entries, and keeps what was selected before it', () => {
  const begun = toggle(toggle(NOTHING, 'a'), 'c')
  const long = extendTo(begun, 'f', KEYS)

  expect(chosenIn(long)).toBe('acdef')
  expect(chosenIn(extendTo(long, 'd', KEYS))).toBe('acd')
})

test('a range without a beginning is the entry itself', () => {
  expect(chosenIn(extendTo(NOTHING, 'c', KEYS))).toBe('c')
})

test('a range whose beginning is gone begins anew', () => {
  const begun = toggle(NOTHING, 'gone')

  expect([...extendTo(begun, 'c', KEYS).chosen]).toEqual(['gone', 'c'])
})

test('what leaves the list leaves the selection', () => {
  const all = chooseAll(KEYS)

  expect(chosenIn(retain(all, ['a', 'c', 'new']))).toBe('ac')
  expect(retain(all, ['b']).anchor).toBe(null)
  expect(retain(all, [...KEYS, 'new'])).toBe(all)
})

function chosenIn({ chosen }: Selection): string {
  return KEYS.filter((key) => chosen.has(key)).join('')
}
