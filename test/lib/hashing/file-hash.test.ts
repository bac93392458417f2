import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { loadSha256 } from 'aes-ige-native/sha256'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFileHash } from '../../../src/lib/hashing/file-hash.ts'

// Where the module is not compiled here, both are Node's.
test.each([true, false])(
  'with native %s bytes in pieces of any length have the digests of the whole',
  (native) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300, size: 'max' })), (pieces) => {
        const hash = createFileHash({ native })
        for (const piece of pieces) hash.update(piece)
        expect(hash.digest()).toEqual(digestsOf(Buffer.concat(pieces)))
      }),
      { numRuns: 200 },
    )
    expect(createFileHash({ native }).digest()).toEqual(digestsOf(Buffer.alloc(0)))
  },
)

const loaded = loadSha256()

test.runIf(loaded.kind === 'native')('the CRC-32 of blocks goes on from any other one', () => {
  if (loaded.kind === 'missing') throw new Error(loaded.reason)
  const { compress, compressWithCrc } = loaded.sha256
  for (const [count, before] of [0, 1, 2, 9, 1000].flatMap((n) =>
    [0, 1, 2 ** 32 - 1].map((c) => [n, c] as const),
  )) {
    const blocks = randomBytes(64 * count + 1).subarray(1)
    const [state, other] = [Buffer.alloc(32, 7), Buffer.alloc(32, 7)]

    expect(compressWithCrc(state, blocks, before)).toBe(crc32(blocks, before))

    compress(other, blocks)
    expect(state.equals(other)).toBe(true)
  }
})

test.runIf(loaded.kind === 'native')('two hashes at once are those of each alone', () => {
  if (loaded.kind === 'missing') throw new Error(loaded.reason)
  const { compress, compressTwo } = loaded.sha256
  for (const count of [0, 1, 2, 9, 1000]) {
    const given = [1, 2].map((from) => randomBytes(64 * count + from).subarray(from))
    const [one = Buffer.alloc(0), other = Buffer.alloc(0)] = given
    const alone = given.map((blocks, index) => {
      const state = Buffer.alloc(32, index)
      compress(state, blocks)
      return state
    })
    const [state, otherState] = [Buffer.alloc(32, 0), Buffer.alloc(32, 1)]

    compressTwo(state, one, otherState, other)

    expect([state, otherState]).toEqual(alone)
  }
  const state = Buffer.alloc(32)
  const blocks = Buffer.alloc(64)
  expect(() => compressTwo(state, blocks, state, blocks)).toThrow(RangeError)
  expect(() => compressTwo(state, blocks, Buffer.alloc(32), Buffer.alloc(128))).toThrow(RangeError)
  expect(state.equals(Buffer.alloc(32))).toBe(true)
})

test.runIf(loaded.kind === 'native')('what is no number is no CRC-32, and changes no state', () => {
  if (loaded.kind === 'missing') throw new Error(loaded.reason)
  const state = Buffer.alloc(32, 7)
  const { compressWithCrc } = loaded.sha256
  const call = (...values: unknown[]) => Reflect.apply(compressWithCrc, undefined, values)

  expect(() => call(state, Buffer.alloc(64))).toThrow(TypeError)
  expect(() => call(state, Buffer.alloc(64), 'none')).toThrow(TypeError)
  expect(() => call(state, Buffer.alloc(63), 0)).toThrow(RangeError)
  expect(state.equals(Buffer.alloc(32, 7))).toBe(true)
})

function digestsOf(bytes: Uint8Array) {
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    crc32: crc32(bytes).toString(16).padStart(8, '0'),
  }
}
