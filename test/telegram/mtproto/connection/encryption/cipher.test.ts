import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { loadAesIge } from 'aes-ige-native'
import { describe, expect, test } from 'vitest'
import {
  agree,
  type IgeCipherClass,
  ige,
  igeClass,
  loadCipher,
} from '../../../../../src/telegram/mtproto/connection/encryption/cipher.ts'

const require = createRequire(import.meta.url)
const Stock: IgeCipherClass = require('telegram/crypto/IGE').IGE

/** The chosen cipher, with the interface of gramjs' own. */
function fastIge(native: boolean): IgeCipherClass {
  loadCipher({ native })
  return igeClass(ige())
}

describe.each([
  ['the native module, where it is', true],
  ['WebAssembly', false],
])('%s', (_, native) => {
  test("what it encrypts and decrypts is what gramjs' own cipher does, at random lengths", () => {
    const Fast = fastIge(native)
    const lengths = Array.from({ length: 60 }, () => 16 * (1 + Math.floor(Math.random() * 600)))

    for (const length of [16, 32, 48, 64, 524_320, ...lengths]) {
      const [key, iv, plain] = [randomBytes(32), randomBytes(32), randomBytes(length)]
      const encrypted = new Stock(key, iv).encryptIge(plain)
      expect(new Fast(key, iv).encryptIge(plain).equals(encrypted)).toBe(true)
      expect(new Fast(key, iv).decryptIge(encrypted).equals(plain)).toBe(true)
    }
  })

  test('bytes that start anywhere in memory are encrypted alike, and the input is left alone', () => {
    const Fast = fastIge(native)
    const [key, iv, plain] = [randomBytes(32), randomBytes(32), randomBytes(4096)]
    const expected = new Fast(key, iv).encryptIge(plain)

    for (let shift = 1; shift < 8; shift++) {
      const shifted = Buffer.concat([Buffer.alloc(shift), plain]).subarray(shift)
      expect(new Fast(key, iv).encryptIge(shifted).equals(expected)).toBe(true)
      expect(shifted.equals(plain)).toBe(true)
    }
  })

  test('an odd length is padded to whole blocks', () => {
    const Fast = fastIge(native)
    const [key, iv, plain] = [randomBytes(32), randomBytes(32), randomBytes(33)]

    const encrypted = new Fast(key, iv).encryptIge(plain)

    expect(encrypted.length).toBe(48)
    expect(new Stock(key, iv).decryptIge(encrypted).subarray(0, 33).equals(plain)).toBe(true)
  })
})

test('a cipher that disagrees is noticed', () => {
  const Fast = fastIge(true)
  class Wrong extends Fast {
    override encryptIge(plain: Buffer): Buffer {
      const encrypted = super.encryptIge(plain)
      encrypted[0] = (encrypted[0] ?? 0) ^ 1
      return encrypted
    }
  }

  expect(agree(Fast, Stock)).toBe(true)
  expect(agree(Wrong, Stock)).toBe(false)
})

test('the native module is chosen where it is compiled, unless it is switched off', () => {
  const chosen = loadCipher({ native: true })
  const off = loadCipher({ native: false })

  expect(chosen.kind).toBe(loadAesIge().kind === 'native' ? 'native' : 'WebAssembly')
  expect(off).toEqual({ kind: 'WebAssembly', reason: 'TELESTORE_NATIVE is off' })
})
