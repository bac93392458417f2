import { randomFillSync, randomInt, timingSafeEqual } from 'node:crypto'
import { deriveAesKey, messageKeyLarge, type Side } from '../handshake/key-derivation.ts'
import { igeDecrypt, igeEncrypt } from './ige.ts'

/** One message as it lies inside an encrypted payload or a container. */
export interface Message {
  id: bigint
  seqno: number
  body: Uint8Array
}

/** A decrypted payload (https://core.telegram.org/mtproto/description#encrypted-message-encrypted-data). */
export interface DecryptedMessage extends Message {
  salt: bigint
  sessionId: bigint
  /** The first bits of the hash over the message, which a quick acknowledgement repeats. */
  quickAckToken: number
}

const OUTER_HEADER = 24
const INNER_HEADER = 32
const MIN_PADDING = 12
const MAX_PADDING = 1024

/** Decrypts a payload and checks it; null when it is no valid message under this key. */
export function decryptMessage(
  authKey: Uint8Array,
  payload: Buffer,
  side: Side = 'client',
): DecryptedMessage | null {
  // The padded transport leaves up to 15 bytes behind the last block.
  const length = (payload.length - OUTER_HEADER) & ~15
  if (length < INNER_HEADER + MIN_PADDING) return null
  const messageKey = payload.subarray(8, OUTER_HEADER)
  const { key, iv } = deriveAesKey(authKey, messageKey, side)
  const opened = igeDecrypt(payload.subarray(OUTER_HEADER, OUTER_HEADER + length), key, iv)
  const plain = Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength)

  const large = messageKeyLarge(authKey, plain, side)
  if (!timingSafeEqual(large.subarray(8, 24), messageKey)) return null
  const bodyLength = plain.readUInt32LE(28)
  const padding = plain.length - INNER_HEADER - bodyLength
  if (bodyLength % 4 !== 0 || padding < MIN_PADDING || padding > MAX_PADDING) return null
  return {
    salt: plain.readBigInt64LE(0),
    sessionId: plain.readBigInt64LE(8),
    id: plain.readBigInt64LE(16),
    seqno: plain.readInt32LE(24),
    body: plain.subarray(INNER_HEADER, INNER_HEADER + bodyLength),
    quickAckToken: large.readUInt32LE(0),
  }
}

export interface PlainMessage {
  salt: bigint
  sessionId: bigint
  id: bigint
  seqno: number
  body: { pieces: Uint8Array[]; length: number }
}

/** Encrypts a message; the pieces of its body are copied once, into the plaintext. */
export function encryptMessage(
  auth: { id: string; key: Uint8Array },
  { salt, sessionId, id, seqno, body }: PlainMessage,
  side: Side = 'server',
): Buffer {
  const unpadded = INNER_HEADER + body.length
  // 12 to 1024 bytes, up to the next block and a few blocks more, so that lengths tell less.
  const padding = MIN_PADDING + (-(unpadded + MIN_PADDING) & 15) + 16 * randomInt(4)
  const plain = Buffer.allocUnsafeSlow(unpadded + padding)
  plain.writeBigInt64LE(salt, 0)
  plain.writeBigInt64LE(sessionId, 8)
  plain.writeBigInt64LE(id, 16)
  plain.writeInt32LE(seqno, 24)
  plain.writeUInt32LE(body.length, 28)
  let offset = INNER_HEADER
  for (const piece of body.pieces) {
    plain.set(piece, offset)
    offset += piece.length
  }
  randomFillSync(plain, offset)

  const messageKey = messageKeyLarge(auth.key, plain, side).subarray(8, 24)
  const { key, iv } = deriveAesKey(auth.key, messageKey, side)
  const payload = Buffer.allocUnsafeSlow(OUTER_HEADER + plain.length)
  payload.writeBigInt64LE(BigInt(auth.id), 0)
  payload.set(messageKey, 8)
  igeEncrypt(plain, key, iv, payload.subarray(OUTER_HEADER))
  return payload
}
