import { expect, test } from 'vitest'
import { parseRange } from '../../../src/core/model/byte-range.ts'

test.each([
  [undefined, 'full'],
  ['', 'full'],
  ['items=0-1', 'full'],
  ['bytes=', 'full'],
  ['bytes=-', 'full'],
  ['bytes=,', 'full'],
  ['bytes= , ,', 'full'],
  ['bytes=,x,', 'full'],
  ['bytes=,10-,', 'unsatisfiable'],
  ['bytes=a-b', 'full'],
  ['bytes=1-0', 'full'],
  ['bytes=0-1,x', 'full'],
  ['bytes 0-1', 'full'],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=99999999999999999999-', 'unsatisfiable'],
  ['bytes=10-11,12-13', 'unsatisfiable'],
])('%j of ten bytes is %s', (header, kind) => {
  expect(parseRange(header, 10)).toEqual({ kind })
})

test.each([
  ['bytes=0-0', ['0-0']],
  ['bytes=0-', ['0-9']],
  ['BYTES=2-3', ['2-3']],
  ['bytes=9-99', ['9-9']],
  ['bytes=-3', ['7-9']],
  ['bytes=-99', ['0-9']],
  ['bytes= 0-1 , 5-6 ', ['0-1', '5-6']],
  ['bytes=5-6,0-1', ['5-6', '0-1']],
  ['bytes=0-1,', ['0-1']],
  ['bytes=,0-1', ['0-1']],
  ['bytes=0-1, ,\t,5-6,,', ['0-1', '5-6']],
  [`bytes=${','.repeat(1000)}0-1`, ['0-1']],
  ['bytes=0-1,99-', ['0-1']],
  ['bytes=0-4,2-6', ['0-6']],
  ['bytes=0-1,2-3,6-7', ['0-3', '6-7']],
])('%j of ten bytes is %j', (header, expected) => {
  const request = parseRange(header, 10)

  const ranges = request.kind === 'partial' ? request.ranges : []
  expect(ranges.map(({ start, end }) => `${start}-${end}`)).toEqual(expected)
})

test('a flood of ranges, or of overlaps, is refused', () => {
  const many = Array.from({ length: 33 }, (_, i) => `${i * 3}-${i * 3}`).join(',')

  expect(parseRange(`bytes=${many}`, 1000)).toEqual({ kind: 'unsatisfiable' })
  expect(parseRange('bytes=0-,0-,0-,0-', 1000)).toEqual({ kind: 'unsatisfiable' })
})
