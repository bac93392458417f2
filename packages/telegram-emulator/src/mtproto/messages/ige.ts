import { type Cipher, loadWasmIge } from './wasm-ige.ts'

const engine = (await loadNative()) ?? loadWasmIge()

/** The package `aes-ige-native` where it is installed and compiled: ten times as fast. */
async function loadNative(): Promise<Cipher | null> {
  try {
    const { loadAesIge } = await import('aes-ige-native')
    const loaded = loadAesIge()
    return loaded.kind === 'native' ? loaded.ige : null
  } catch {
    return null
  }
}

/**
 * AES-256-IGE (https://core.telegram.org/mtproto/description#aes-ige). `plain` must be a multiple of
 * 16 bytes. Writes to `out` when it is given, which must be as long and begin at a multiple of four
 * bytes.
 */
export function igeEncrypt(
  plain: Uint8Array,
  key: Uint8Array,
  iv: Uint8Array,
  out: Uint8Array = new Uint8Array(plain.length),
): Uint8Array {
  engine.encrypt(out, plain, key, iv)
  return out
}

/** The inverse, into memory of its own. */
export function igeDecrypt(data: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
  const plain = Buffer.allocUnsafeSlow(data.length)
  engine.decrypt(plain, data, key, iv)
  return plain
}
