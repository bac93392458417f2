import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { combineCrc32 } from '../../../../src/core/model/volumes/crc32-combine.ts'
import { MiB } from '../../../../src/lib/units.ts'

const GiB = 1024 * MiB

test.each([0, 1, 2, 255, 65_537, 1_000_000])(
  'the CRC-32 of two pieces comes of their own, with %i bytes in the second',
  (length) => {
    const first = randomBytes(1000)
    const second = randomBytes(length)
    const whole = crc32(Buffer.concat([first, second]))

    expect(combineCrc32(crc32(first), crc32(second), length)).toBe(whole)
  },
)

test('pieces of more than 4 GiB are combined', () => {
  const four = crc32OfZeros(4 * GiB)
  const oneByOne = combineCrc32(combineCrc32(0x1234, four, 4 * GiB), four, 4 * GiB)

  expect(combineCrc32(0x1234, crc32OfZeros(8 * GiB), 8 * GiB)).toBe(oneByOne)
})

/** Of a power of two of them. */
function crc32OfZeros(length: number): number {
  if (length <= MiB) return crc32(Buffer.alloc(length))
  const half = crc32OfZeros(length / 2)
  return combineCrc32(half, half, length / 2)
}
