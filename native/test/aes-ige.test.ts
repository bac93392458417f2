import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getWasmUrl, ige256Decrypt, ige256Encrypt, initSync } from '@mtcute/wasm'
import { beforeAll, describe, expect, test } from 'vitest'
import { type AesIge, loadAesIge } from '../src/aes-ige.ts'

const loaded = loadAesIge()

beforeAll(() => {
  initSync(readFileSync(getWasmUrl()))
})

test('the module is loaded, or says why it is not', () => {
  if (loaded.kind === 'native') expect(loaded.ige.instructions).toMatch(/^(aes-ni|armv8)$/)
  else expect(loaded.reason).toMatch(/compiled|processor|loaded/)
})

// Where there is no compiler there is nothing to test: its users fall back to WebAssembly.
describe.runIf(loaded.kind === 'native')('the compiled module', () => {
  const ige = loaded.kind === 'native' ? loaded.ige : (undefined as unknown as AesIge)

  test.each([0, 16, 32, 48, 160, 1024, 4112, 131_072, 1_048_576])(
    '%d bytes are encrypted and decrypted as WebAssembly does it',
    (length) => {
      const [key, vector, plain] = [randomBytes(32), randomBytes(32), randomBytes(length)]
      const encrypted = Buffer.from(length === 0 ? plain : ige256Encrypt(plain, key, vector))
      const [sealed, opened] = [Buffer.alloc(length), Buffer.alloc(length)]

      ige.encrypt(sealed, plain, key, vector)
      ige.decrypt(opened, encrypted, key, vector)

      expect(sealed.equals(encrypted)).toBe(true)
      expect(opened.equals(plain)).toBe(true)
      if (length > 0)
        expect(Buffer.from(ige256Decrypt(sealed, key, vector)).equals(plain)).toBe(true)
    },
  )

  test('memory that begins anywhere may be used, and the source as its own target', () => {
    const memory = randomBytes(4096)
    const [key, vector] = [memory.subarray(1, 33), memory.subarray(35, 67)]
    const piece = memory.subarray(101, 101 + 1600)
    const before = Buffer.from(piece)

    ige.encrypt(piece, piece, key, vector)
    expect(piece.equals(Buffer.from(ige256Encrypt(before, Buffer.from(key), vector)))).toBe(true)
    ige.decrypt(piece, piece, key, vector)

    expect(piece.equals(before)).toBe(true)
  })

  test('the known answer of the OpenSSL test of IGE (AES-256 of zeros) is given', () => {
    const zeros = Buffer.alloc(32)
    const target = Buffer.alloc(32)

    ige.encrypt(target, zeros, zeros, zeros)

    // One block of zeros under a key of zeros is FIPS 197's dc95c078..., the next one of it.
    expect(target.subarray(0, 16).toString('hex')).toBe('dc95c078a2408989ad48a21492842087')
    expect(target.equals(Buffer.from(ige256Encrypt(zeros, zeros, zeros)))).toBe(true)
  })

  test.each([
    [[]],
    [[4112]],
    [[16, 32]],
    [[524_320, 524_320, 524_320, 524_320]],
    [[48, 16, 0, 4112]],
    [[16, 16, 16, 1024, 32, 0, 160, 48]],
  ])(
    'messages of %j bytes are encrypted together as each of them alone, and decrypted again',
    (lengths) => {
      const messages = lengths.map((length) => ({
        plain: randomBytes(length),
        target: Buffer.alloc(length),
        key: randomBytes(32),
        vector: randomBytes(32),
      }))
      const before = messages.map(({ plain }) => Buffer.from(plain))
      const alone = messages.map(({ plain, key, vector }) => {
        const target = Buffer.alloc(plain.length)
        ige.encrypt(target, plain, key, vector)
        return target
      })

      ige.encryptTogether(messages.map((one) => [one.target, one.plain, one.key, one.vector]))
      // And each in its own memory.
      ige.encryptTogether(messages.map((one) => [one.plain, one.plain, one.key, one.vector]))

      for (const [index, { target, plain }] of messages.entries()) {
        expect(target.equals(alone[index] ?? Buffer.alloc(0))).toBe(true)
        expect(plain.equals(target)).toBe(true)
      }
      ige.decryptTogether(messages.map((one) => [one.target, one.target, one.key, one.vector]))
      expect(messages.map(({ target }) => target)).toEqual(before)
    },
  )

  test('a list that is no list of messages, or has too many, is refused before a byte is written', () => {
    const together = (list: unknown): void => {
      expect(() => (ige.decryptTogether as (list: unknown) => void)(list)).toThrow()
      ;(ige.encryptTogether as (list: unknown) => void)(list)
    }
    const make = (): Uint8Array[] => [Buffer.alloc(16), Buffer.alloc(16), block, block]
    const first = make()

    for (const list of [undefined, 1, {}, [1], [{}], [[]], [first, []], [first, [1, 2, 3, 4]]]) {
      expect(() => together(list)).toThrow(TypeError)
    }
    expect(() => together(Array.from({ length: 9 }, make))).toThrow(RangeError)
    expect(() => together([first, [Buffer.alloc(8), Buffer.alloc(8), block, block]])).toThrow(
      RangeError,
    )
    // Two messages may not share memory that is written.
    expect(() => together([first, first])).toThrow(RangeError)
    expect(() => together([first, [first[1], Buffer.alloc(16), block, block]])).toThrow(RangeError)
    expect(() => together([first, [Buffer.alloc(16), first[0], block, block]])).toThrow(RangeError)
    expect(first.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true)
  })

  test('a getter in the list cannot take memory away from what was read before', () => {
    const victim = new Uint8Array(1 << 20)
    const list: unknown[] = [[victim, victim, block, block]]
    Object.defineProperty(list, 1, {
      enumerable: true,
      get: () => {
        structuredClone(null, { transfer: [victim.buffer] })
        return [Buffer.alloc(16), Buffer.alloc(16), block, block]
      },
    })

    ;(ige.encryptTogether as (list: unknown) => void)(list)

    expect(victim.byteLength).toBe(0)
  })

  const block = Buffer.alloc(32)
  test.each<[string, unknown[]]>([
    ['nothing', []],
    ['numbers', [1, 2, 3, 4]],
    ['text', ['a', 'b', 'c', 'd']],
    ['words of 32 bits', [new Uint32Array(4), new Uint32Array(4), block, block]],
    ['views without a type', [new DataView(block.buffer), block, block, block]],
  ])('%s is refused as no bytes', (_what, values) => {
    expect(() => call(values)).toThrow(TypeError)
  })

  const memory = Buffer.alloc(64)
  test.each<[string, unknown[]]>([
    ['half a block', [Buffer.alloc(8), Buffer.alloc(8), block, block]],
    ['a shorter target', [Buffer.alloc(16), block, block, block]],
    ['a longer target', [Buffer.alloc(48), block, block, block]],
    ['a short key', [block, block, Buffer.alloc(16), block]],
    ['a short vector', [block, block, block, Buffer.alloc(16)]],
    ['a target that overlaps', [memory.subarray(8, 40), memory.subarray(0, 32), block, block]],
    ['a target before its source', [memory.subarray(0, 32), memory.subarray(8, 40), block, block]],
  ])('%s is refused before a byte is written', (_what, values) => {
    expect(() => call(values)).toThrow(RangeError)
    expect(memory.every((byte) => byte === 0)).toBe(true)
  })

  function call(values: unknown[]): void {
    for (const transform of [ige.decrypt, ige.encrypt]) {
      ;(transform as (...given: unknown[]) => void)(...values)
    }
  }
})
