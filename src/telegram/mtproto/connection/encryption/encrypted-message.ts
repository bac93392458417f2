import { createHash, hash, randomFillSync } from 'node:crypto'
import { buffers } from '../../../../lib/buffer-pool.ts'
import { ige } from './cipher.ts'
import { type KeyedPlaintext, messageKeysOf } from './message-keys.ts'

/** What a message is encrypted with. */
export interface MessageKeys {
  /** 256 bytes. */
  authKey: Buffer
  /** The server's salt and our session, signed longs. */
  salt: bigint
  sessionId: bigint
}

export interface OutgoingMessage {
  keys: MessageKeys
  pieces: readonly Uint8Array[]
}

/** `decryptMessages` for one packet of a connection, in this thread or another. */
export type DecryptMessage = (
  incoming: IncomingPacket,
  connection: object,
) => Promise<Buffer | null>

const HEADER_BYTES = 16
const KEY_ID_BYTES = 8
const MESSAGE_KEY_BYTES = 16
const BLOCK_BYTES = 16
const MIN_PADDING = 12
/** By how much the pieces of the auth key are moved: the specification's x. */
const FROM_CLIENT = 0
const FROM_SERVER = 8

/**
 * Encrypts messages of a client by MTProto 2.0
 * (core.telegram.org/mtproto/description#defining-aes-key-and-initialization-vector), together
 * because four take the processor as long as one.
 *
 * A message comes in pieces, so that a part need not be put together first: gramjs' own way
 * copies it five times, this one once.
 */
export function encryptMessages(messages: readonly OutgoingMessage[]): Buffer[] {
  const prepared = messages.map(preparePacket)
  const messageKeys = messageKeysOf(prepared, FROM_CLIENT)
  ige().encryptTogether(
    prepared.map(({ packet, authKey, plain }, index) => {
      const messageKey = messageKeys[index] ?? Buffer.alloc(0)
      messageKey.copy(packet, KEY_ID_BYTES)
      const { key, iv } = cipherKey(authKey, messageKey, FROM_CLIENT)
      return [plain, plain, key, iv] as const
    }),
  )
  return prepared.map(({ packet }) => packet)
}

interface PreparedPacket extends KeyedPlaintext {
  /** Its message key is missing, and `plain` is the piece of it that is still to be encrypted. */
  packet: Buffer
}

function preparePacket({ keys, pieces }: OutgoingMessage): PreparedPacket {
  const { authKey, salt, sessionId } = keys
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const padding = MIN_PADDING + (-(HEADER_BYTES + size + MIN_PADDING) & (BLOCK_BYTES - 1))
  const packet = buffers.take(KEY_ID_BYTES + MESSAGE_KEY_BYTES + HEADER_BYTES + size + padding)
  const plain = packet.subarray(KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  plain.writeBigInt64LE(salt, 0)
  plain.writeBigInt64LE(sessionId, 8)
  let end = HEADER_BYTES
  for (const piece of pieces) {
    plain.set(piece, end)
    end += piece.length
  }
  randomFillSync(plain, end, padding)
  keyIdOf(authKey).copy(packet)
  return { packet, authKey, plain }
}

/** A packet of a server, and the key that it should be under. */
export interface IncomingPacket {
  authKey: Buffer
  packet: Buffer
}

/**
 * Decrypts messages of a server, together: salt, session, message id and so on, with the padding.
 * Null for one that is not for its key or was tampered with. The answers lie in the packets' memory.
 */
export function decryptMessages(packets: readonly IncomingPacket[]): (Buffer | null)[] {
  const found = packets.map(openPacket)
  const sealed = found.filter((packet) => packet !== null)
  ige().decryptTogether(sealed.map(({ plain, key, iv }) => [plain, plain, key, iv] as const))
  const messageKeys = messageKeysOf(sealed, FROM_SERVER)
  const genuine = new Set(
    sealed.filter(({ messageKey }, index) => messageKeys[index]?.equals(messageKey)),
  )
  return found.map((packet) => (packet !== null && genuine.has(packet) ? packet.plain : null))
}

/** The same for one packet. */
export function decryptMessage(authKey: Buffer, packet: Buffer): Buffer | null {
  return decryptMessages([{ authKey, packet }])[0] ?? null
}

/** Null for a packet that is not under this key. */
function openPacket({ authKey, packet }: IncomingPacket) {
  // To be decrypted in its own memory.
  const plain = packet.subarray(KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  if (plain.length === 0 || plain.length % BLOCK_BYTES !== 0) return null
  if (!packet.subarray(0, KEY_ID_BYTES).equals(keyIdOf(authKey))) return null
  const messageKey = packet.subarray(KEY_ID_BYTES, KEY_ID_BYTES + MESSAGE_KEY_BYTES)
  return { authKey, plain, messageKey, ...cipherKey(authKey, messageKey, FROM_SERVER) }
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
