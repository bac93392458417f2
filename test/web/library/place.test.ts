import { expect, test } from 'vitest'
import { crumbsOf, hashOf, parentOf, placeOf } from '../../../src/web/library/place.ts'

test.each([
  ['', { folder: '/', words: '', kind: null }],
  ['#', { folder: '/', words: '', kind: null }],
  ['#/', { folder: '/', words: '', kind: null }],
  ['#/holiday/the%20beach', { folder: '/holiday/the beach', words: '', kind: null }],
  ['#/holiday//beach/', { folder: '/holiday/beach', words: '', kind: null }],
  ['#/a?q=two+words&kind=video', { folder: '/a', words: 'two words', kind: 'video' }],
  ['#/?kind=nonsense', { folder: '/', words: '', kind: null }],
  ['#/50%', { folder: '/50%', words: '', kind: null }],
])('the address %s names a place', (hash, place) => {
  expect(placeOf(hash)).toEqual(place)
})

test.each([
  { folder: '/', words: '', kind: null },
  { folder: '/50 %/#?&', words: '', kind: null },
  { folder: '/über', words: 'a&b=c#d', kind: 'image' as const },
])('the address of $folder leads back to it', (place) => {
  expect(placeOf(hashOf(place))).toEqual(place)
})

test('the folders around a folder are named from the root down', () => {
  expect(crumbsOf('/a/b c/d')).toEqual([
    { name: 'a', path: '/a' },
    { name: 'b c', path: '/a/b c' },
    { name: 'd', path: '/a/b c/d' },
  ])
  expect(crumbsOf('/')).toEqual([])
})

test.each([
  ['/a/b', '/a'],
  ['/a', '/'],
  ['/', '/'],
])('around %s lies %s', (folder, parent) => {
  expect(parentOf(folder)).toBe(parent)
})
