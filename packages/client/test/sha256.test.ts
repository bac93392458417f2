import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createPlainSha256, createSha256 } from '../src/lib/sha256.ts'

const LENGTHS = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1000, 100_000]

test.each([
  ['of the client', createPlainSha256],
  ['of Node', createSha256],
])('the SHA-256 %s is that of all pieces together, however they are cut', (_, create) => {
  for (const length of LENGTHS) {
    const bytes = randomBytes(length)
    const digest = create()

    for (let at = 0; at < length; ) {
      const end = at + 1 + Math.floor(Math.random() * 150)
      digest.update(bytes.subarray(at, end))
      at = end
    }

    expect(digest.hex()).toBe(createHash('sha256').update(bytes).digest('hex'))
  }
})
