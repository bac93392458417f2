import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts what the ledger keeps secret. `purpose` says what and whose it is, such as
 * `token:<uploadId>`: bytes copied to another row decrypt to nothing.
 */
export interface LedgerCipher {
  encrypt: (purpose: string, plain: Uint8Array) => Buffer
  /** The plain bytes, or null when they were encrypted with another key or purpose, or changed. */
  decrypt: (purpose: string, sealed: Uint8Array) => Buffer | null
  /** 32 bytes for one purpose, made of the key by HKDF-SHA256; they tell nothing of it. */
  deriveKey: (purpose: string) => Buffer
}

/** AES-256-GCM with a random nonce per value: nonce, tag, cipher text. Throws for a key that is not 32 bytes. */
export function createLedgerCipher(key: Buffer): LedgerCipher {
  if (key.length !== 32) throw new RangeError('the ledger key must have 32 bytes')

  return {
    encrypt: (purpose, plain) => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(purpose))
      const text = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), text])
    },
    decrypt: (purpose, sealed) => {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return null
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
      const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(tag)
      const start = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES))
      try {
        return Buffer.concat([start, decipher.final()])
      } catch {
        // Not authentic: for the ledger that is the same as not there.
        return null
      }
    },
    deriveKey: (purpose) => Buffer.from(hkdfSync('sha256', key, '', `derived:${purpose}`, 32)),
  }
}
