import { createCipheriv, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { getWasmUrl, ige256Decrypt, initSync } from '@mtcute/wasm'

const BLOCK_BYTES = 16
/** 32-bit words in one AES block. */
const BLOCK_WORDS = 4
/** OpenSSL's output goes into new memory; so much at once stays in the processor's cache. */
const PIECE_WORDS = 16 * 1024

/** One AES-256-IGE key and initialization vector, with the interface gramjs expects. */
export interface IgeCipher {
  encryptIge(plain: Buffer): Buffer
  decryptIge(encrypted: Buffer): Buffer
}

export type IgeCipherClass = new (key: Buffer, iv: Buffer) => IgeCipher

/**
 * AES-256-IGE encryption by OpenSSL's CBC.
 *
 * IGE is c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]. With d[i] = c[i] ^ p[i-1] that reads
 * d[i] = E((p[i] ^ p[i-2]) ^ d[i-1]), which is CBC over p[i] ^ p[i-2]. So one XOR pass before and
 * one after leave the ciphers themselves to hardware. The vector's halves are c[0] and p[0].
 *
 * `plain` must be a multiple of 16 bytes, `target` as long as that and begin at a multiple of 4.
 * Decryption has no such form: it would need CBC encryption with AES' inverse, which OpenSSL does
 * not offer.
 */
export function igeEncryptInto(
  target: Uint8Array,
  plain: Uint8Array,
  { key, iv }: { key: Uint8Array; iv: Uint8Array },
): void {
  const source = toWords(plain)
  const start = toWords(iv)
  const mixed = scratchWords(source.length)
  for (let at = 0; at < BLOCK_WORDS; at++) {
    mixed[at] = word(source, at)
    if (source.length > BLOCK_WORDS) {
      mixed[at + BLOCK_WORDS] = word(source, at + BLOCK_WORDS) ^ word(start, at + BLOCK_WORDS)
    }
  }
  for (let at = 2 * BLOCK_WORDS; at < source.length; at++) {
    mixed[at] = word(source, at) ^ word(source, at - 2 * BLOCK_WORDS)
  }
  const cbc = createCipheriv('aes-256-cbc', key, iv.subarray(0, BLOCK_BYTES)).setAutoPadding(false)
  const result = new Uint32Array(target.buffer, target.byteOffset, source.length)
  for (let from = 0; from < result.length; from += PIECE_WORDS) {
    const to = Math.min(from + PIECE_WORDS, result.length)
    const encrypted = toWords(cbc.update(new Uint8Array(mixed.buffer, from * 4, (to - from) * 4)))
    const first = from === 0 ? BLOCK_WORDS : from
    for (let at = from; at < first; at++) {
      result[at] = word(encrypted, at) ^ word(start, at + BLOCK_WORDS)
    }
    for (let at = first; at < to; at++) {
      result[at] = word(encrypted, at - from) ^ word(source, at - BLOCK_WORDS)
    }
  }
}

/** AES-256-IGE decryption by WebAssembly. `encrypted` must be a multiple of 16 bytes. */
export function igeDecrypt(encrypted: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const plain = ige256Decrypt(encrypted, key, iv)
  return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength)
}

/** Loads the WebAssembly module; once in each thread, before anything is decrypted. */
export function loadCipher(): void {
  initSync(readFileSync(getWasmUrl()))
}

/** The class to put in the place of gramjs' own; loads the cipher. */
export function createFastIge(): IgeCipherClass {
  loadCipher()
  return class FastIge implements IgeCipher {
    readonly #key: Buffer
    readonly #iv: Buffer

    constructor(key: Buffer, iv: Buffer) {
      this.#key = key
      this.#iv = iv
    }

    encryptIge(plain: Buffer): Buffer {
      const missing = -plain.length & (BLOCK_BYTES - 1)
      const padded = missing === 0 ? plain : Buffer.concat([plain, randomBytes(missing)])
      const encrypted = Buffer.allocUnsafeSlow(padded.length)
      igeEncryptInto(encrypted, padded, { key: this.#key, iv: this.#iv })
      return encrypted
    }

    decryptIge(encrypted: Buffer): Buffer {
      return igeDecrypt(encrypted, this.#key, this.#iv)
    }
  }
}

/** Whether both classes give the same answers, in both directions and at several lengths. */
export function agree(candidate: IgeCipherClass, known: IgeCipherClass): boolean {
  return [16, 32, 48, 1024, 4112].every((length) => {
    const [key, iv, plain] = [randomBytes(32), randomBytes(32), randomBytes(length)]
    const encrypted = new known(key, iv).encryptIge(plain)
    return (
      new candidate(key, iv).encryptIge(plain).equals(encrypted) &&
      new candidate(key, iv).decryptIge(encrypted).equals(plain)
    )
  })
}

/** zlib's CRC-32, and whether it gives the known answer (RFC 1952's check value). */
export { crc32 }
export const crc32Agrees = (): boolean => crc32('123456789') === 0xcbf43926

let scratch = new Uint32Array(0)

/** Memory for the mixed blocks, used again: encryption is synchronous. */
function scratchWords(length: number): Uint32Array<ArrayBuffer> {
  if (scratch.length < length) scratch = new Uint32Array(length)
  return scratch
}

function toWords(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, bytes.length / 4)
}

/** An element that is there: the loops stay within the arrays. */
function word(words: Uint32Array, at: number): number {
  return words[at] as number
}
