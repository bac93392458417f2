import { buffers } from '../../../../lib/buffer-pool.ts'
import { type DecryptMessage, encryptMessages } from '../encryption/encrypted-message.ts'
import { createGathering } from '../encryption/gathering.ts'

/*
 * Shortcuts through gramjs' message layer for large messages. They are laid over one sender at
 * a time, and only where gramjs has the members they replace: on a fork without them its own
 * code runs.
 */

type Long = { toString: () => string; eq: (other: Long) => boolean }

interface Writer {
  write: (piece: Buffer) => void
}

interface RequestState {
  data: Buffer
  msgId?: unknown
  after?: unknown
}

interface MessagePacker {
  _queue: (RequestState | undefined)[]
  get: () => Promise<unknown>
}

interface MTProtoState {
  salt: Long
  id: Long
  msgIds?: string[]
  encryptMessageData: (data: Buffer | Buffer[]) => Promise<Buffer>
  decryptMessageData: (body: Buffer) => Promise<unknown>
  writeDataAsMessage: (to: Writer, data: Buffer, related: boolean) => Promise<unknown>
}

export interface FastPathSender {
  readonly authKey: { getKey: () => Buffer | undefined }
  readonly _state: MTProtoState
  readonly _sendQueue?: MessagePacker
}

/** What gramjs reads a decrypted message with. */
export interface MessageTools {
  readerClass: new (
    bytes: Buffer,
  ) => {
    readLong: () => Long
    readInt: () => number
    tgReadObject: () => unknown
  }
  messageClass: new (id: Long, sequence: number, object: unknown) => unknown
  securityErrorClass: new (text: string) => Error
}

/** A message of this size is sent alone: nothing else would fit beside it. */
const LARGE_BYTES = 128 * 1024
/** rpc_result (core.telegram.org/mtproto/service_messages): one answer, which has the packet for itself. */
const RPC_RESULT = 0xf35c6d01
/** Salt, session, id, sequence number and length come before the object. */
const MESSAGE_HEADER_BYTES = 32
/** Ids of messages that are remembered, so that none is taken twice. */
const MAX_KNOWN_IDS = 500

/** One for the process, because one processor encrypts for all connections. */
const encryptLarge = createGathering(encryptMessages)

export function layFastPath(
  sender: FastPathSender,
  tools: MessageTools,
  decryptMessage: DecryptMessage,
): void {
  encryptInPieces(sender)
  if (sender._sendQueue) packAlone(sender._sendQueue, sender._state)
  if (sender._state.msgIds) decryptInPlace(sender, tools, decryptMessage)
}

/** Encrypts with one copy instead of five. Before there is a key, gramjs' own way stays. */
function encryptInPieces({ authKey, _state: state }: FastPathSender): void {
  const encrypt = state.encryptMessageData.bind(state)
  state.encryptMessageData = async (data) => {
    const key = authKey.getKey()
    const pieces = Array.isArray(data) ? data : [data]
    if (!key) return encrypt(Buffer.concat(pieces))
    const salt = BigInt(state.salt.toString())
    const keys = { authKey: key, salt, sessionId: BigInt(state.id.toString()) }
    const message = { keys, pieces }
    // Only a large message comes in pieces: see `packAlone`.
    if (Array.isArray(data)) return encryptLarge(message, state)
    return encryptMessages([message])[0] as Buffer
  }
}

/** Hands a large message on in pieces, which gramjs would put together. */
function packAlone(queue: MessagePacker, state: MTProtoState): void {
  const get = queue.get.bind(queue)
  queue.get = async () => {
    const [next] = queue._queue
    if (!next || next.after || next.data.length < LARGE_BYTES) return get()
    queue._queue.shift()
    const pieces: Buffer[] = []
    const writer = { write: (piece: Buffer) => void pieces.push(piece) }
    next.msgId = await state.writeDataAsMessage(writer, next.data, true)
    return { batch: [next], data: pieces }
  }
}

/** Decrypts large messages in their own memory, or in another thread. */
function decryptInPlace(
  { authKey, _state: state }: FastPathSender,
  tools: MessageTools,
  decryptMessage: DecryptMessage,
): void {
  const { readerClass, messageClass, securityErrorClass } = tools
  const decrypt = state.decryptMessageData.bind(state)
  state.decryptMessageData = async (body) => {
    const key = authKey.getKey()
    if (!key || body.length < LARGE_BYTES) return decrypt(body)
    const plain = await decryptMessage({ authKey: key, packet: body }, state)
    if (!plain) throw new securityErrorClass('a message that was not made with our key')
    const reader = new readerClass(plain)
    reader.readLong()
    if (!reader.readLong().eq(state.id))
      throw new securityErrorClass('a message of another session')
    const id = reader.readLong()
    const known = state.msgIds ?? []
    if (known.includes(id.toString())) throw new securityErrorClass('a message that came before')
    if (known.length > MAX_KNOWN_IDS) known.shift()
    known.push(id.toString())
    const sequence = reader.readInt()
    // The length: what follows the object is padding.
    reader.readInt()
    if (plain.readUInt32LE(MESSAGE_HEADER_BYTES) !== RPC_RESULT) buffers.disown(plain)
    return new messageClass(id, sequence, reader.tgReadObject())
  }
}
