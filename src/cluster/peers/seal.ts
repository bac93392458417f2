import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

/**
 * AES-256-GCM for one question, or one answer: each has a key of its own, made of a random salt, so that
 * its frames are numbered instead of having nonces of their own. A frame opens at its place only:
 * none can be left out, repeated, or moved.
 */

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
export const SALT_BYTES = 16
export const TAG_BYTES = 16

export interface Sealer {
  /** The cipher text and its tag. `bound` is not hidden, and must be the same when it is opened. */
  seal: (plain: Uint8Array, bound: Uint8Array) => [text: Buffer, tag: Buffer]
}

export interface Opener {
  /**
   * Begins the next frame. `update` decrypts what has come of it; only what `isGenuine` has returned
   * true for is to be believed.
   */
  begin: (bound: Uint8Array) => {
    update: (text: Uint8Array) => Buffer
    isGenuine: (tag: Uint8Array) => boolean
  }
  /** The next frame; null where it is not genuine. */
  open: (sealed: Uint8Array, bound: Uint8Array) => Buffer | null
}

export function newSalt(): Buffer {
  return randomBytes(SALT_BYTES)
}

/** The key of one question or answer. */
export function keyOf(
  secret: Uint8Array,
  purpose: 'question' | 'answer',
  salts: readonly Uint8Array[],
): Buffer {
  const hash = createHmac('sha256', secret).update(`${purpose}\n`)
  for (const salt of salts) hash.update(salt)
  return hash.digest()
}

export function createSealer(key: Buffer): Sealer {
  let frames = 0
  return {
    seal: (plain, bound) => {
      const cipher = createCipheriv(ALGORITHM, key, nonceOf(frames++)).setAAD(bound)
      const text = cipher.update(plain)
      cipher.final()
      return [text, cipher.getAuthTag()]
    },
  }
}

export function createOpener(key: Buffer): Opener {
  let frames = 0

  function begin(bound: Uint8Array) {
    const decipher = createDecipheriv(ALGORITHM, key, nonceOf(frames++), {
      authTagLength: TAG_BYTES,
    }).setAAD(bound)
    return {
      update: (text: Uint8Array) => decipher.update(text),
      isGenuine: (tag: Uint8Array): boolean => {
        try {
          decipher.setAuthTag(tag).final()
          return true
        } catch {
          return false
        }
      },
    }
  }

  return {
    begin,
    open: (sealed, bound) => {
      if (sealed.length < TAG_BYTES) return null
      const frame = begin(bound)
      const plain = frame.update(sealed.subarray(0, -TAG_BYTES))
      return frame.isGenuine(sealed.subarray(-TAG_BYTES)) ? plain : null
    },
  }
}

function nonceOf(frame: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeUInt32BE(frame, NONCE_BYTES - 4)
  return nonce
}
