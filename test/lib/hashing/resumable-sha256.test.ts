import { createHash, randomBytes } from 'node:crypto'
import { loadSha256 } from 'aes-ige-native/sha256'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createResumableSha256 } from '../../../src/lib/hashing/resumable-sha256.ts'

const NATIVE = { native: true }
const WASM = { native: false }
// Where the module is not compiled here, both are WebAssembly.
const ENGINES = [
  ['native', NATIVE],
  ['WebAssembly', WASM],
] as const

// FIPS 180-4 and the NIST's examples of it.
const VECTORS: [string, Buffer][] = [
  ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', Buffer.alloc(0)],
  ['ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', Buffer.from('abc')],
  ['cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0', Buffer.alloc(1e6, 'a')],
]

test.each(ENGINES)('%s: the digests of the standard are given', async (_name, engine) => {
  for (const [digest, bytes] of VECTORS) {
    const hash = await createResumableSha256(null, engine)
    hash.update(bytes)
    expect(hash.digest()).toBe(digest)
  }
})

test.each(ENGINES)(
  '%s: bytes in pieces of any length are hashed as the whole, and a digest ends nothing',
  async (_name, engine) => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 300, size: 'max' }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(pieces, async (given) => {
        const [hash, known] = [await createResumableSha256(null, engine), createHash('sha256')]
        for (const piece of given) {
          hash.update(piece)
          known.update(piece)
          expect(hash.digest()).toBe(known.copy().digest('hex'))
        }
      }),
      { numRuns: 60 },
    )
  },
)

test.each([
  ['native', NATIVE, 'native', NATIVE],
  ['native', NATIVE, 'WebAssembly', WASM],
  ['WebAssembly', WASM, 'native', NATIVE],
  ['WebAssembly', WASM, 'WebAssembly', WASM],
])(
  'a state that %s %o exports at any place in a block is gone on with by %s %o',
  async (_a, first, _b, second) => {
    const bytes = randomBytes(5 * 64 + 17)
    const digest = createHash('sha256').update(bytes).digest('hex')

    for (let at = 0; at <= 2 * 64; at++) {
      const before = await createResumableSha256(null, first)
      before.update(bytes.subarray(0, at))
      const state = before.export()
      const after = await createResumableSha256(state, second)

      expect(Buffer.from(after.export()).equals(state)).toBe(true)
      after.update(bytes.subarray(at))
      expect(after.digest()).toBe(digest)
      // The first one is not touched by what has become of its state.
      before.update(bytes.subarray(at))
      expect(before.digest()).toBe(digest)
    }
  },
)

test('a state has its version, the length, the words and the bytes of the block that has begun', async () => {
  const hash = await createResumableSha256()
  hash.update(Buffer.from('abc'))

  expect(Buffer.from(hash.export()).toString('hex')).toBe(
    '01' +
      '0000000000000003' +
      '6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19' +
      '616263',
  )
})

test('the length of a file beyond 4 GB stands in its last block, in bits', async () => {
  const empty = await createResumableSha256()
  const state = Buffer.from(empty.export())
  // As if 8 GB had been hashed, and had led to the words of the beginning.
  state.writeBigUInt64BE(2n ** 33n, 1)
  const hash = await createResumableSha256(state)
  const lastBlock = Buffer.alloc(64)
  lastBlock.writeUInt8(0x80)
  lastBlock.writeBigUInt64BE(2n ** 36n, 56)
  empty.update(lastBlock)

  expect(hash.digest()).toBe(Buffer.from(empty.export().subarray(9, 41)).toString('hex'))
})

test.each<[string, (state: Buffer) => Uint8Array]>([
  ['nothing', () => Buffer.alloc(0)],
  ['another version', (state) => Buffer.concat([Buffer.from([2]), state.subarray(1)])],
  ['a state that is cut', (state) => state.subarray(0, -1)],
  ['a byte too many', (state) => Buffer.concat([state, Buffer.alloc(1)])],
  ['a length that no file has', (state) => Buffer.from(state).fill(0xff, 1, 9)],
])('%s is no state', async (_what, change) => {
  const hash = await createResumableSha256()
  hash.update(Buffer.from('abc'))

  await expect(createResumableSha256(change(Buffer.from(hash.export())))).rejects.toThrow(
    RangeError,
  )
})

// Where there is no compiler, or no such instructions, there is nothing to test.
const loaded = loadSha256()
test.runIf(loaded.kind === 'native')('the module refuses what is no state or no blocks', () => {
  const compress = (state: unknown, blocks: unknown): void =>
    (loaded as unknown as { sha256: { compress: (...given: unknown[]) => void } }).sha256.compress(
      state,
      blocks,
    )
  const memory = Buffer.alloc(128)

  for (const wrong of [undefined, 1, 'a', new Uint32Array(8), new DataView(memory.buffer)]) {
    expect(() => compress(wrong, memory)).toThrow(TypeError)
    expect(() => compress(memory.subarray(0, 32), wrong)).toThrow(TypeError)
  }
  expect(() => compress(Buffer.alloc(31), memory)).toThrow(RangeError)
  expect(() => compress(Buffer.alloc(32), memory.subarray(1))).toThrow(RangeError)
  expect(() => compress(memory.subarray(0, 32), memory)).toThrow(RangeError)
  expect(memory.every((byte) => byte === 0)).toBe(true)
})
