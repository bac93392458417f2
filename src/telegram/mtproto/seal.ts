import { createHash, hash, randomFillSync } from 'node:crypto'
import { igeEncryptInto } from './cipher.ts'

/** What a message is sealed with. */
export interface SealKey {
  /** 256 bytes. */
  authKey: Buffer
  /** The server's salt and our session, signed longs. */
  salt: bigint
  sessionId: bigint
}

const HEADER_BYTES = 16
const KEY_ID_BYTES = 8
const MESSAGE_KEY_BYTES = 16
/** The piece of the auth key that goes before the plaintext into the message key, from a client. */
const KEY_PIECE = { start: 88, length: 32 }
const BLOCK_BYTES = 16
const MIN_PADDING = 12

/** The key piece, and behind it the plaintext. Used again: sealing is synchronous. */
let scratch = Buffer.alloc(0)

/**
 * Encrypts one message of a client by MTProto 2.0
 * (core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector).
 *
 * gramjs' own copies a part five times on this way; this copies it once.
 */
export function sealMessage({ authKey, salt, sessionId }: SealKey, message: Uint8Array): Buffer {
  const padding = MIN_PADDING + (-(HEADER_BYTES + message.length + MIN_PADDING) & (BLOCK_BYTES - 1))
  const length = HEADER_BYTES + message.length + padding
  const hashed = scratchOf(KEY_PIECE.length + length)
  const plain = hashed.subarray(KEY_PIECE.length)
  authKey.copy(hashed, 0, KEY_PIECE.start, KEY_PIECE.start + KEY_PIECE.length)
  plain.writeBigInt64LE(salt, 0)
  plain.writeBigInt64LE(sessionId, 8)
  plain.set(message, HEADER_BYTES)
  randomFillSync(plain, HEADER_BYTES + message.length, padding)

  const messageKey = hash('sha256', hashed, 'buffer').subarray(8, 8 + MESSAGE_KEY_BYTES)
  const packet = Buffer.allocUnsafeSlow(KEY_ID_BYTES + MESSAGE_KEY_BYTES + length)
  hash('sha1', authKey, 'buffer').copy(packet, 0, 12, 20)
  messageKey.copy(packet, KEY_ID_BYTES)
  const target = packet.subarray(KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  igeEncryptInto(target, plain, cipherKey(authKey, messageKey))
  return packet
}

function cipherKey(authKey: Buffer, messageKey: Buffer): { key: Buffer; iv: Buffer } {
  const a = createHash('sha256').update(messageKey).update(authKey.subarray(0, 36)).digest()
  const b = createHash('sha256').update(authKey.subarray(40, 76)).update(messageKey).digest()
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  }
}

function scratchOf(length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length)
  return scratch.subarray(0, length)
}
