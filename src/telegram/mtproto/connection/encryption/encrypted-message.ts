import { createHash, hash, randomFillSync } from 'node:crypto'
import { buffers } from './buffer-pool.ts'
import { ige } from './cipher.ts'

/** What a message is encrypted with. */
export interface MessageKeys {
  /** 256 bytes. */
  authKey: Buffer
  /** The server's salt and our session, signed longs. */
  salt: bigint
  sessionId: bigint
}

/** `decryptMessage`, or the same in another thread. */
export type DecryptMessage = (
  authKey: Buffer,
  packet: Buffer,
) => Buffer | null | Promise<Buffer | null>

const HEADER_BYTES = 16
const KEY_ID_BYTES = 8
const MESSAGE_KEY_BYTES = 16
/** The piece of the auth key that goes before the plaintext into the message key, from a client. */
const KEY_PIECE = { start: 88, length: 32 }
const BLOCK_BYTES = 16
const MIN_PADDING = 12
/** By how much the pieces of the auth key are moved: the specification's x. */
const FROM_CLIENT = 0
const FROM_SERVER = 8

/** The key piece, and behind it the plaintext. Used again: encryption is synchronous. */
let scratch = Buffer.alloc(0)

/**
 * Encrypts one message of a client by MTProto 2.0
 * (core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector).
 *
 * The message comes in pieces, so that a part need not be put together first: gramjs' own way
 * copies it five times, this one once.
 */
export function encryptMessage(
  { authKey, salt, sessionId }: MessageKeys,
  pieces: readonly Uint8Array[],
): Buffer {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const padding = MIN_PADDING + (-(HEADER_BYTES + size + MIN_PADDING) & (BLOCK_BYTES - 1))
  const length = HEADER_BYTES + size + padding
  const hashed = scratchOf(KEY_PIECE.length + length)
  const plain = hashed.subarray(KEY_PIECE.length)
  authKey.copy(hashed, 0, KEY_PIECE.start, KEY_PIECE.start + KEY_PIECE.length)
  plain.writeBigInt64LE(salt, 0)
  plain.writeBigInt64LE(sessionId, 8)
  let end = HEADER_BYTES
  for (const piece of pieces) {
    plain.set(piece, end)
    end += piece.length
  }
  randomFillSync(plain, end, padding)

  const messageKey = hash('sha256', hashed, 'buffer').subarray(8, 8 + MESSAGE_KEY_BYTES)
  const packet = buffers.take(KEY_ID_BYTES + MESSAGE_KEY_BYTES + length)
  keyIdOf(authKey).copy(packet)
  messageKey.copy(packet, KEY_ID_BYTES)
  const target = packet.subarray(KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  const { key, iv } = cipherKey(authKey, messageKey, FROM_CLIENT)
  ige().encrypt(target, plain, key, iv)
  return packet
}

/**
 * Decrypts one message of a server: salt, session, message id and so on, with the padding.
 * Null when it is not for this key or was tampered with. The answer lies in the packet's memory.
 */
export function decryptMessage(authKey: Buffer, packet: Buffer): Buffer | null {
  const plain = packet.subarray(KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  if (plain.length === 0 || plain.length % BLOCK_BYTES !== 0) return null
  if (!packet.subarray(0, KEY_ID_BYTES).equals(keyIdOf(authKey))) return null
  const messageKey = packet.subarray(KEY_ID_BYTES, KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  const { key, iv } = cipherKey(authKey, messageKey, FROM_SERVER)
  ige().decrypt(plain, plain, key, iv)
  const start = KEY_PIECE.start + FROM_SERVER
  const digest = createHash('sha256')
    .update(authKey.subarray(start, start + KEY_PIECE.length))
    .update(plain)
    .digest()
  return digest.subarray(8, 8 + MESSAGE_KEY_BYTES).equals(messageKey) ? plain : null
}

/** The last 64 bits of the key's SHA-1. */
function keyIdOf(authKey: Buffer): Buffer {
  return hash('sha1', authKey, 'buffer').subarray(12, 20)
}

function cipherKey(authKey: Buffer, messageKey: Buffer, x: number): { key: Buffer; iv: Buffer } {
  const a = createHash('sha256')
    .update(messageKey)
    .update(authKey.subarray(x, x + 36))
    .digest()
  const b = createHash('sha256')
    .update(authKey.subarray(x + 40, x + 76))
    .update(messageKey)
    .digest()
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  }
}

function scratchOf(length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length)
  return scratch.subarray(0, length)
}
