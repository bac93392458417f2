import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getWasmUrl, ige256Decrypt, initSync } from '@mtcute/wasm'

initSync(readFileSync(getWasmUrl()))

const BLOCK_WORDS = 4
const STRIDE = 64 * 1024

function words(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
}

/**
 * AES-256-IGE (https://core.telegram.org/mtproto/description#aes-ige), made of OpenSSL's CBC.
 *
 * IGE is c[i] = E(p[i] ^ c[i-1]) ^ p[i-1]. With d[i] = c[i] ^ p[i-1] that is
 * d[i] = E((p[i] ^ p[i-2]) ^ d[i-1]): CBC over p[i] ^ p[i-2]. So the blocks are mixed before and
 * after, and the cipher itself runs in hardware. `plain` must be a multiple of 16 bytes.
 *
 * Writes to `out` when it is given, which must be as long and begin at a multiple of four bytes.
 */
export function igeEncrypt(
  plain: Uint8Array,
  key: Uint8Array,
  iv: Uint8Array,
  out: Uint8Array = new Uint8Array(plain.length),
): Uint8Array {
  const source = words(plain)
  const target = new Int32Array(out.buffer, out.byteOffset, out.byteLength / 4)
  const before = words(Uint8Array.from(iv.subarray(16, 32)))
  const cipher = createCipheriv('aes-256-cbc', key, iv.subarray(0, 16)).setAutoPadding(false)
  const mixed = new Int32Array(Math.min(STRIDE, plain.length) / 4)
  const mixedBytes = new Uint8Array(mixed.buffer)

  for (let start = 0; start < source.length; start += mixed.length) {
    const count = Math.min(mixed.length, source.length - start)
    for (let i = 0; i < count; i++) {
      const at = start + i
      // The first block stands alone; the second looks back at the IV's half.
      const back =
        at < BLOCK_WORDS
          ? 0
          : ((at < 2 * BLOCK_WORDS ? before[at - BLOCK_WORDS] : source[at - 2 * BLOCK_WORDS]) ?? 0)
      mixed[i] = (source[at] ?? 0) ^ back
    }
    const chained = words(cipher.update(mixedBytes.subarray(0, count * 4)))
    for (let i = 0; i < count; i++) {
      const at = start + i
      const back = (at < BLOCK_WORDS ? before[at] : source[at - BLOCK_WORDS]) ?? 0
      target[at] = (chained[i] ?? 0) ^ back
    }
  }
  return out
}

/** The inverse. OpenSSL has no mode that could be turned into it, so this one runs in WebAssembly. */
export function igeDecrypt(data: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  return ige256Decrypt(data, key, iv)
}
