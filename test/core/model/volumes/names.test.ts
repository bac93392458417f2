import { expect, test } from 'vitest'
import { manifestName, volumeName } from '../../../../src/core/model/volumes/names.ts'

test.each([
  ['movie.mkv', 1, 9, 'movie.mkv.001'],
  ['movie.mkv', 999, 999, 'movie.mkv.999'],
  ['movie.mkv', 7, 1000, 'movie.mkv.0007'],
  [`${'a'.repeat(80)}.mkv`, 2, 3, `${'a'.repeat(52)}.mkv.002`],
  ['🎉'.repeat(80), 2, 3, `${'🎉'.repeat(56)}.002`],
])('volume of %s, number %i of %i', (name, number, count, expected) => {
  expect(volumeName(name, number, count)).toBe(expected)
})

test.each([
  ['movie.mkv', 'movie.mkv.telestore.json'],
  [`${'a'.repeat(80)}.mkv`, `${'a'.repeat(41)}.mkv.telestore.json`],
])('manifest of %s', (name, expected) => {
  expect(manifestName(name)).toBe(expected)
})
