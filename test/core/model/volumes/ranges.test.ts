import { expect, test } from 'vitest'
import { rangesOfVolumes } from '../../../../src/core/model/volumes/ranges.ts'

const VOLUMES = [{ size: 10 }, { size: 10 }, { size: 1 }, { size: 4 }]

test.each([
  ['the first byte', 0, 0, ['0: 0-0']],
  ['the last byte of a volume', 9, 9, ['0: 9-9']],
  ['the first byte behind a border', 10, 10, ['1: 0-0']],
  ['a whole volume', 10, 19, ['1: 0-9']],
  ['a volume of one byte', 20, 20, ['2: 0-0']],
  ['two bytes at a border', 9, 10, ['0: 9-9', '1: 0-0']],
  ['a range over a volume that lies in it', 5, 22, ['0: 5-9', '1: 0-9', '2: 0-0', '3: 0-1']],
  ['the whole file', 0, 24, ['0: 0-9', '1: 0-9', '2: 0-0', '3: 0-3']],
  ['the last byte', 24, 24, ['3: 3-3']],
])('%s lies where it lies', (_name, start, end, expected) => {
  const ranges = rangesOfVolumes(VOLUMES, { start, end })

  expect(ranges.map((range) => `${range.index}: ${range.start}-${range.end}`)).toEqual(expected)
})

test('a range of a file beyond 32 bits is found', () => {
  const volumes = Array.from({ length: 100 }, () => ({ size: 512 * 2 ** 20 }))
  const start = 49 * 512 * 2 ** 20 - 1

  expect(rangesOfVolumes(volumes, { start, end: start + 1 })).toEqual([
    { index: 48, start: 512 * 2 ** 20 - 1, end: 512 * 2 ** 20 - 1 },
    { index: 49, start: 0, end: 0 },
  ])
})
