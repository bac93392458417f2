import type { Semaphore } from '../../lib/semaphore.ts'
import { decoder, schema } from '../tl/codec.ts'
import { unpackGzip } from '../tl/decode.ts'
import { createReader } from '../tl/reader.ts'
import type { AuthKey, AuthKeyStore, RpcHandler } from '../types.ts'
import { type CallContext, createCalls, createRoom } from './calls.ts'
import { type Envelope, type Message, openEnvelope } from './envelope.ts'
import { createKeyExchange, ExchangeError, type KeyExchange } from './key-exchange.ts'
import type { Link } from './link.ts'
import { createMessageIds } from './message-id.ts'
import { BAD_MESSAGE, type Request } from './request-log.ts'
import type { ServerKey } from './rsa.ts'
import { createSalts } from './salts.ts'
import { isService, serve } from './service.ts'
import { createSessions } from './sessions.ts'

export interface DispatcherOptions {
  serverKey: ServerKey
  keys: AuthKeyStore
  handler: RpcHandler
}

export interface Dispatcher {
  /** Carries one connection from its first payload to its end; never rejects. */
  carry: (link: Link) => Promise<void>
  close: () => void
}

/** What one connection remembers. */
interface Carried {
  link: Link
  exchange: KeyExchange
  room: Semaphore
  /** Permanent keys that this connection has carried messages of. */
  announced: Set<string>
}

const CONTAINER = 0x73f1f8dc
const GZIP_PACKED = 0x3072cfa1
const MAX_CONTAINED = 1024
const UNKNOWN_KEY = -404

function transportError(code: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeInt32LE(code)
  return payload
}

/** The messages inside a container, or null when it is not a well-formed one (https://core.telegram.org/mtproto/service_messages#simple-container). */
function parseContainer(body: Uint8Array): Message[] | null {
  try {
    const reader = createReader(body.subarray(4))
    const count = reader.uint()
    if (count > MAX_CONTAINED) return null
    return Array.from({ length: count }, () => ({
      id: reader.long(),
      seqno: reader.int(),
      body: reader.raw(reader.uint()),
    }))
  } catch {
    return null
  }
}

/** What becomes of each payload: key exchange, or a message, or many in a container. */
export function createDispatcher({ serverKey, keys, handler }: DispatcherOptions): Dispatcher {
  const salts = createSalts()
  const sessions = createSessions(salts)
  const calls = createCalls(keys, handler)
  const exchangeIds = createMessageIds()

  function exchangeFor(link: Link): KeyExchange {
    return createKeyExchange({
      serverKey,
      dcId: link.role.dcId,
      isTaken: (id) => keys.find(id) !== null,
      onKey: (key, firstSalt) => {
        keys.save(key)
        salts.remember(key.id, firstSalt)
      },
    })
  }

  /** Messages in the clear: id, length, body after eight zero bytes (https://core.telegram.org/mtproto/description#unencrypted-message). */
  function receiveClear(payload: Buffer, { link, exchange }: Carried): void {
    const length = payload.length < 20 ? 0 : payload.readUInt32LE(16)
    if (length < 4 || length > payload.length - 20) throw new ExchangeError('Bad length')
    const answer = exchange.receive(payload.subarray(20, 20 + length))
    if (!answer) return
    const header = Buffer.alloc(20)
    header.writeBigInt64LE(exchangeIds('answer'), 8)
    header.writeUInt32LE(answer.length, 16)
    link.send([header, ...answer.pieces])
  }

  function findKey(payload: Buffer, link: Link): AuthKey | null {
    const key = keys.find(payload.readBigInt64LE(0).toString())
    if (!key || key.dcId !== link.role.dcId) return null
    if (key.expiresAt !== null && key.expiresAt < Date.now()) return null
    return handler.keyAlive?.(key.permanentKeyId ?? key.id) === false ? null : key
  }

  function announceKey(authKey: AuthKey, { link, announced }: Carried): void {
    const isUnbound = authKey.expiresAt !== null && authKey.permanentKeyId === null
    const keyId = authKey.permanentKeyId ?? authKey.id
    if (isUnbound || announced.has(keyId)) return
    announced.add(keyId)
    handler.connectionKeyed?.(link, keyId)
  }

  async function receiveEncrypted(
    payload: Buffer,
    wantsQuickAck: boolean,
    carried: Carried,
  ): Promise<void> {
    const { link, room } = carried
    const authKey = findKey(payload, link)
    if (!authKey) {
      link.send([transportError(UNKNOWN_KEY)])
      return
    }
    const envelope = openEnvelope(authKey.key, payload)
    if (!envelope) throw new ExchangeError('Not a message under this key')
    if (wantsQuickAck) link.quickAck(envelope.quickAckToken)
    announceKey(authKey, carried)
    await receiveEnvelope(envelope, authKey, { link, room })
  }

  async function receiveEnvelope(
    envelope: Envelope,
    authKey: AuthKey,
    { link, room }: Pick<Carried, 'link' | 'room'>,
  ): Promise<void> {
    const session = sessions.open(authKey, envelope.sessionId, link)
    const context = { link, session, authKey, room }
    if (!salts.isValid(authKey, envelope.salt)) {
      session.notify(
        {
          _: 'bad_server_salt',
          bad_msg_id: envelope.id,
          bad_msg_seqno: envelope.seqno,
          error_code: BAD_MESSAGE.wrongSalt,
          new_server_salt: salts.current(authKey),
        },
        'answer',
      )
      return
    }
    await receiveMessage(envelope, context)
  }

  function refuse({ id, seqno }: Message, code: number, { session }: CallContext): void {
    session.notify(
      { _: 'bad_msg_notification', bad_msg_id: id, bad_msg_seqno: seqno, error_code: code },
      'answer',
    )
  }

  async function receiveContainer(message: Message, context: CallContext): Promise<void> {
    const { log } = context.session
    const code = log.check(message)
    const inner = parseContainer(message.body)
    if (code !== null) return refuse(message, code, context)
    if (log.find(message.id)) return refuse(message, BAD_MESSAGE.containerRepeated, context)
    const isValid = inner?.every(({ id, body }) => id < message.id && typeIdOf(body) !== CONTAINER)
    if (!inner || !isValid) return refuse(message, BAD_MESSAGE.invalidContainer, context)
    for (const contained of inner) await receiveMessage(contained, context)
    if (log.check(message) === null) log.add(message)
  }

  async function receiveMessage(message: Message, context: CallContext): Promise<void> {
    const typeId = typeIdOf(message.body)
    if (typeId === CONTAINER) return receiveContainer(message, context)
    const { session } = context
    const code = session.log.check(message)
    if (code !== null) return refuse(message, code, context)
    const known = session.log.find(message.id)
    if (known) return repeat(known, context)
    session.announce(message.id)
    await execute(message, session.log.add(message), context)
  }

  /** A message that came before is not executed again; its answer is, if there is one, sent again. */
  function repeat(request: Request, { session }: CallContext): void {
    if (request.answer) session.resend(request.answer.id)
    else session.acknowledgeLater(request.id)
  }

  async function execute(message: Message, request: Request, context: CallContext): Promise<void> {
    let { body } = message
    // Service messages may be packed as well as methods, whose own decoder unpacks them.
    if (typeIdOf(body) === GZIP_PACKED) {
      try {
        body = unpackGzip(createReader(body.subarray(4)).bytes())
      } catch {
        body = message.body
      }
    }
    const typeId = typeIdOf(body)
    const definition = schema.constructorById(typeId) ?? schema.methodById(typeId)
    if (!isService(definition?.name)) {
      await calls.start({ ...message, body }, request, context)
      return
    }
    try {
      const reader = createReader(body)
      const content = definition?.isMethod ? decoder.call(reader, () => {}) : decoder.object(reader)
      serve(content, message, { ...context, keys, salts, sessions })
    } catch {
      // A malformed service message asks for nothing.
    }
  }

  async function carry(link: Link): Promise<void> {
    const carried: Carried = {
      link,
      exchange: exchangeFor(link),
      room: createRoom(),
      announced: new Set(),
    }
    try {
      for await (const { payload, wantsQuickAck } of link.payloads()) {
        if (payload.length < 8) throw new ExchangeError('Short payload')
        if (payload.readBigInt64LE(0) === 0n) receiveClear(payload, carried)
        else await receiveEncrypted(payload, wantsQuickAck, carried)
        await link.writable()
      }
    } catch (error) {
      if (error instanceof ExchangeError) {
        link.send([transportError(error.transportCode)])
        link.end()
      } else {
        link.destroy()
      }
    } finally {
      handler.connectionClosed?.(link)
    }
  }

  return { carry, close: () => sessions.close() }
}

function typeIdOf(body: Uint8Array): number {
  return body.length < 4 ? 0 : createReader(body).uint()
}
