import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getWasmUrl, ige256Decrypt, initSync } from '@mtcute/wasm'
import type { AesIge } from 'aes-ige-native'

/** What this one and `aes-ige-native` can do. */
export type Cipher = Pick<AesIge, 'encrypt' | 'decrypt'>

/** A block of AES is four words of 32 bits. */
const BLOCK = 4
const STRIDE_BYTES = 64 * 1024

function words(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
}

/** Xors `other` into `target` from word `at` on, as far as both reach. */
function xorFrom(target: Int32Array, at: number, other: Int32Array): void {
  const count = Math.min(target.length - at, other.length)
  for (let i = 0; i < count; i++) target[at + i] = (target[at + i] ?? 0) ^ (other[i] ?? 0)
}

/** The cipher of machines without `aes-ige-native`: it encrypts by OpenSSL and decrypts by WebAssembly. */
export function loadWasmIge(): Cipher {
  initSync(readFileSync(getWasmUrl()))
  return {
    encrypt: encryptByCbc,
    // OpenSSL has no mode that could be turned into this one.
    decrypt: (target, data, key, iv) => target.set(ige256Decrypt(data, key, iv)),
  }
}

/**
 * IGE made of OpenSSL's CBC.
 *
 * IGE is c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]. With d[i] = c[i] ^ p[i-1] that is
 * d[i] = E((p[i] ^ p[i-2]) ^ d[i-1]): CBC over p[i] ^ p[i-2]. So the blocks are mixed before and
 * after, and the cipher itself runs in hardware.
 */
function encryptByCbc(out: Uint8Array, plain: Uint8Array, key: Uint8Array, iv: Uint8Array): void {
  const source = words(plain)
  const target = new Int32Array(out.buffer, out.byteOffset, out.byteLength / 4)
  const before = words(Uint8Array.from(iv.subarray(16, 32)))
  const cipher = createCipheriv('aes-256-cbc', key, iv.subarray(0, 16)).setAutoPadding(false)
  const mixedBytes = new Uint8Array(Math.min(STRIDE_BYTES, plain.length))
  const mixed = new Int32Array(mixedBytes.buffer)

  for (let start = 0; start < source.length; start += mixed.length) {
    const stride = source.subarray(start, start + mixed.length)
    mixed.set(stride)
    if (start === 0) {
      xorFrom(mixed, BLOCK, before)
      xorFrom(mixed, 2 * BLOCK, stride)
    } else {
      xorFrom(mixed, 0, source.subarray(start - 2 * BLOCK, start + stride.length - 2 * BLOCK))
    }
    const chained = words(cipher.update(mixedBytes.subarray(0, stride.byteLength)))
    target.set(chained, start)
    if (start === 0) xorFrom(target, 0, before)
    const from = Math.max(start, BLOCK)
    xorFrom(target, from, source.subarray(from - BLOCK, start + stride.length - BLOCK))
  }
}
