import { expect, test } from 'vitest'
import { blocksToVerify } from '../../../src/core/model/verification.ts'
import { MiB } from '../../../src/lib/units.ts'

test.each([
  ['off', 2000 * MiB, []],
  ['sample', 1, []],
  ['sample', 10 * MiB, []],
  ['full', 1, [0]],
  ['full', 2 * MiB + 1, [0, 1, 2]],
  ['full', 3 * MiB, [0, 1, 2]],
] as const)('%s of %i bytes reads the blocks %j back', (mode, size, blocks) => {
  expect(blocksToVerify(mode, size)).toEqual(blocks)
})

test.each([
  ['ends with a block', 500 * MiB, [0, 499]],
  ['ends inside a block', 500 * MiB + 5, [0, 499, 500]],
  ['is just above the border', 10 * MiB + 1, [0, 9, 10]],
])(
  'a sample of a file that %s has its first and last megabyte and four others',
  (_, size, ends) => {
    for (let round = 0; round < 100; round++) {
      const blocks = blocksToVerify('sample', size)

      expect(blocks).toEqual([...new Set(blocks)].sort((one, other) => one - other))
      expect(blocks).toEqual(expect.arrayContaining(ends))
      expect(blocks).toHaveLength(ends.length + 4)
      expect(blocks.at(-1)).toBe(ends.at(-1))
    }
  },
)

test('every block comes into a sample at some time', () => {
  const seen = new Set<number>()

  for (let round = 0; round < 1000; round++) {
    for (const block of blocksToVerify('sample', 20 * MiB)) seen.add(block)
  }

  expect(seen.size).toBe(20)
})
