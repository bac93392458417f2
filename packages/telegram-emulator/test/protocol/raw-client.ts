import { randomBytes } from 'node:crypto'
import {
  type DecryptedMessage,
  decryptMessage,
  encryptMessage,
} from '../../src/mtproto/messages/encrypted-message.ts'
import { createSalts } from '../../src/mtproto/salts.ts'
import { decoder, schema } from '../../src/tl/codec.ts'
import { createReader } from '../../src/tl/reader.ts'
import { createWriter, type TlWriter } from '../../src/tl/writer.ts'
import type { AuthKey, TlObject } from '../../src/types.ts'
import type { Wire } from './wire.ts'

const RPC_RESULT = 0xf35c6d01

/** A decrypted message of the server; an rpc_result becomes `{ _: 'rpc_result', req_msg_id, result }`. */
export interface Received extends DecryptedMessage {
  content: TlObject
}

export interface RawClient {
  sessionId: bigint
  nextId: () => bigint
  send: (message: { body: Uint8Array; id?: bigint; seqno?: number; salt?: bigint }) => {
    id: bigint
    seqno: number
  }
  receive: () => Promise<Received>
  /** Skips the messages before the next one of that name. */
  receiveOnly: (name: string) => Promise<Received>
}

/** Bytes of a method or constructor, written by the schema's number and the given fields in order. */
export function serialise(name: string, write: (writer: TlWriter) => void = () => {}): Buffer {
  const writer = createWriter()
  writer.int(schema.byName(name, 198)?.id ?? 0)
  write(writer)
  return Buffer.concat(writer.finish().pieces)
}

export const ping = (id = 1n): Buffer => serialise('ping', (writer) => writer.long(id))
export const getConfig = (): Buffer => serialise('help.getConfig')

/** A container's bytes, and nothing checked. */
export function contain(messages: { id: bigint; seqno: number; body: Uint8Array }[]): Buffer {
  const writer = createWriter()
  writer.int(0x73f1f8dc)
  writer.int(messages.length)
  for (const { id, seqno, body } of messages) {
    writer.long(id)
    writer.int(seqno)
    writer.int(body.length)
    writer.raw(body)
  }
  return Buffer.concat(writer.finish().pieces)
}

/** A client that may break every rule: the test chooses message ids, numbers and salts. */
export function createRawClient(wire: Wire, key: AuthKey, resumed?: bigint): RawClient {
  const sessionId = resumed ?? randomBytes(8).readBigInt64LE()
  const salts = createSalts()
  let last = 0n
  let contentMessages = 0

  const nextId = (): bigint => {
    const now = BigInt(Math.floor(Date.now() / 1000)) << 32n
    last = now > last ? now : last + 4n
    return last
  }

  function decode(decrypted: DecryptedMessage): TlObject {
    const reader = createReader(decrypted.body)
    const body = Buffer.from(decrypted.body)
    if (body.readUInt32LE() !== RPC_RESULT) return decoder.object(reader)
    reader.uint()
    const requestId = reader.long()
    return { _: 'rpc_result', req_msg_id: requestId, result: decoder.object(reader) }
  }

  async function receive(): Promise<Received> {
    const payload = await wire.receive()
    if (payload.length < 24) throw new Error(`Transport error ${payload.readInt32LE()}`)
    const decrypted = decryptMessage(key.key, payload, 'server')
    if (!decrypted) throw new Error('The server sent a message that does not decrypt')
    return { ...decrypted, content: decode(decrypted) }
  }

  return {
    sessionId,
    nextId,
    send: ({
      body,
      id = nextId(),
      seqno = contentMessages++ * 2 + 1,
      salt = salts.current(key),
    }) => {
      const pieces = { pieces: [body], length: body.length }
      wire.send(encryptMessage(key, { salt, sessionId, id, seqno, body: pieces }, 'client'))
      return { id, seqno }
    },
    receive,
    receiveOnly: async (name) => {
      for (;;) {
        const received = await receive()
        if (received.content._ === name) return received
      }
    },
  }
}
