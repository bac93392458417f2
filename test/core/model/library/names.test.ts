import { expect, test } from 'vitest'
import {
  folderSegment,
  foldName,
  isSameName,
  MAX_WORDS,
  searchWords,
  sortName,
} from '../../../../src/core/model/library/names.ts'

test.each([
  ['Ferien.MP4', 'ferien.mp4'],
  ['Ménage à trois.txt', 'menage a trois.txt'],
  ['Me\u0301nage', 'menage'],
  ['STRASSE und straße', 'strasse und strasse'],
  ['ΟΔΟΣ οδός', 'οδοσ οδοσ'],
  ['İstanbul', 'istanbul'],
  ['ﬁne print', 'fine print'],
  ['ＦＵＬＬ width', 'full width'],
  ['Привет Ёлка', 'привет елка'],
  ['東京タワー', '東京タワー'],
  ['a\u0000b\n\tc  d ', 'a b c d'],
  ['\ud800broken', '\ufffdbroken'],
  ['', ''],
])('%j is searched as %j', (name, folded) => {
  expect(foldName(name)).toBe(folded)
})

test.each([
  ['Summer  PHOTO', ['summer', 'photo']],
  ['a a A', ['a']],
  ['  ', []],
  ['1 2 3 4 5 6 7 8 9 10', ['1', '2', '3', '4', '5', '6', '7', '8']],
])('the words of the search %j are %j', (query, words) => {
  expect(searchWords(query)).toEqual(words)
  expect(words.length).toBeLessThanOrEqual(MAX_WORDS)
})

test('numbers in names are sorted by their value', () => {
  const sorted = ['img', 'img 2', 'img 02b', 'img 10', 'img 10000000000000000000', 'img x', 'z']

  expect([...sorted].reverse().sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1))).toEqual(sorted)
})

test('a name of any length has a short key to be sorted by, that is whole Unicode', () => {
  const key = sortName('😀'.repeat(1000))

  expect(Array.from(key)).toHaveLength(64)
  expect(key.isWellFormed()).toBe(true)
  expect(sortName(`${'1'.repeat(500)}`).length).toBeLessThanOrEqual(64)
})

test.each([
  ['Photos', 'Photos'],
  ['cafe\u0301', 'caf\u00e9'],
  ['a/b\\c', 'a_b_c'],
  ['a\u0000b\n', 'a_b_'],
  [' spaced ', 'spaced'],
  ['', '_'],
  ['.', '_'],
  ['..', '__'],
  ['...', '...'],
  ['\ud800', '\ufffd'],
  ['é'.repeat(200), 'é'.repeat(127)],
  ['😀'.repeat(100), '😀'.repeat(63)],
])('a folder of the name %j has the segment %j', (name, segment) => {
  expect(folderSegment(name)).toBe(segment)
})

test('two forms of Unicode are one name, two cases are two', () => {
  expect(isSameName('cafe\u0301', 'caf\u00e9')).toBe(true)
  expect(isSameName('a', 'A')).toBe(false)
})
