import { loadModule } from './load-module.ts'

/** Target, source, key and vector, as `encrypt` takes them. */
export type IgeMessage = readonly [
  target: Uint8Array,
  source: Uint8Array,
  key: Uint8Array,
  vector: Uint8Array,
]

/** AES-256-IGE (https://core.telegram.org/mtproto/description#aes-ige). */
export interface AesIge {
  /**
   * Encrypts `source` into `target`. Both have the same length, a multiple of 16 bytes, and are
   * either the same memory or apart. `key` and `vector` have 32 bytes each; the vector's halves are
   * the ciphertext and the plaintext before the first block. Throws TypeError or RangeError for
   * anything else, before a byte is written.
   */
  encrypt: (target: Uint8Array, source: Uint8Array, key: Uint8Array, vector: Uint8Array) => void
  /**
   * Encrypts up to 8 messages; four of one length take the time of one. The same rules hold for each,
   * and no target may overlap what belongs to another message.
   */
  encryptTogether: (messages: readonly IgeMessage[]) => void
  /** The inverses, with the same rules. */
  decrypt: (target: Uint8Array, source: Uint8Array, key: Uint8Array, vector: Uint8Array) => void
  decryptTogether: (messages: readonly IgeMessage[]) => void
  /** Which instructions it uses: `aes-ni` or `armv8`. */
  readonly instructions: string
}

export type LoadedAesIge =
  | { kind: 'native'; ige: AesIge }
  /** `reason` is a sentence for an operator, without a path. */
  | { kind: 'missing'; reason: string }

/** Loads the compiled module. Does not throw: without the module, callers use another cipher. */
export function loadAesIge(): LoadedAesIge {
  const loaded = loadModule<AesIge>('aes-ige', { instructions: 'AES' })
  return loaded.kind === 'native' ? { kind: 'native', ige: loaded.exports } : loaded
}
