import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getWasmUrl, ige256Decrypt, initSync } from '@mtcute/wasm'
import type { AesIge } from 'aes-ige-native'

const BLOCK_BYTES = 16
/** 32-bit words in one AES block. */
const BLOCK_WORDS = 4
/** OpenSSL's output goes into new memory; so much at once stays in the processor's cache. */
const PIECE_WORDS = 16 * 1024

/**
 * AES-256-IGE for machines without the native module: encryption by OpenSSL, decryption by
 * WebAssembly, which has to be loaded before.
 */
export const wasmIge: AesIge = {
  encrypt: encryptByCbc,
  encryptTogether: (messages) => {
    for (const message of messages) encryptByCbc(...message)
  },
  // OpenSSL has no mode that could be turned into decryption: it would need CBC encryption with
  // AES' inverse.
  decrypt: decryptByWasm,
  decryptTogether: (messages) => {
    for (const message of messages) decryptByWasm(...message)
  },
  instructions: 'WebAssembly',
}

function decryptByWasm(
  target: Uint8Array,
  encrypted: Uint8Array,
  key: Uint8Array,
  iv: Uint8Array,
): void {
  target.set(ige256Decrypt(encrypted, key, iv))
}

/** Compiles the WebAssembly, in this thread: 2 MB. */
export function loadWasm(): void {
  initSync(readFileSync(getWasmUrl()))
}

/**
 * IGE is c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]. With d[i] = c[i] ^ p[i-1] that reads
 * d[i] = E((p[i] ^ p[i-2]) ^ d[i-1]), which is CBC over p[i] ^ p[i-2]. So one XOR pass before and
 * one after leave the ciphers themselves to hardware. The vector's halves are c[0] and p[0].
 */
function encryptByCbc(
  target: Uint8Array,
  plain: Uint8Array,
  key: Uint8Array,
  iv: Uint8Array,
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
  // The target may be the source itself: a block is read before the one behind it is written, and of
  // each piece the last block is kept for the next.
  let before = start.slice(BLOCK_WORDS, 2 * BLOCK_WORDS)
  for (let from = 0; from < result.length; from += PIECE_WORDS) {
    const to = Math.min(from + PIECE_WORDS, result.length)
    const encrypted = toWords(cbc.update(new Uint8Array(mixed.buffer, from * 4, (to - from) * 4)))
    const last = source.slice(to - BLOCK_WORDS, to)
    for (let at = to - 1; at >= from + BLOCK_WORDS; at--) {
      result[at] = word(encrypted, at - from) ^ word(source, at - BLOCK_WORDS)
    }
    for (let at = 0; at < BLOCK_WORDS; at++) {
      result[from + at] = word(encrypted, at) ^ word(before, at)
    }
    before = last
  }
}

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
