import type { Semaphore } from '../lib/semaphore.ts'
import { TlError } from '../tl/reader.ts'
import type { AuthKey, AuthKeyStore, RpcHandler } from '../types.ts'
import { createRoom } from './calls.ts'
import { createKeyExchange, type KeyExchange } from './handshake/key-exchange.ts'
import type { ServerKey } from './handshake/rsa.ts'
import type { Link } from './link.ts'
import { openEnvelope } from './messages/envelope.ts'
import { createInbox } from './messages/inbox.ts'
import { createMessageIds } from './messages/message-id.ts'
import { ProtocolError } from './protocol-error.ts'
import { createSalts } from './salts.ts'
import { createSessions } from './sessions.ts'
import type { Frame } from './transport/framing.ts'

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

const UNKNOWN_KEY = -404
const CLEAR_HEADER = 20

function transportError(code: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeInt32LE(code)
  return payload
}

/** What becomes of each payload: a step of a key exchange, or a message under a key. */
export function createDispatcher({ serverKey, keys, handler }: DispatcherOptions): Dispatcher {
  const salts = createSalts()
  const sessions = createSessions(salts)
  const inbox = createInbox({ keys, handler, salts, sessions })
  const clearIds = createMessageIds()

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

  /** Eight zero bytes, id, length, body (https://core.telegram.org/mtproto/description#unencrypted-message). */
  function receiveClear(payload: Buffer, { link, exchange }: Carried): void {
    const length = payload.length < CLEAR_HEADER ? 0 : payload.readUInt32LE(16)
    if (length < 4 || length > payload.length - CLEAR_HEADER) throw new ProtocolError('Bad length')
    const answer = exchange.receive(payload.subarray(CLEAR_HEADER, CLEAR_HEADER + length))
    if (!answer) return
    const header = Buffer.alloc(CLEAR_HEADER)
    header.writeBigInt64LE(clearIds('answer'), 8)
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

  async function receiveEncrypted({ payload, wantsQuickAck }: Frame, carried: Carried) {
    const { link, room } = carried
    const authKey = findKey(payload, link)
    // The connection lives on: what to do about a dead key is the client's affair.
    if (!authKey) return link.send([transportError(UNKNOWN_KEY)])
    const envelope = openEnvelope(authKey.key, payload)
    if (!envelope) throw new ProtocolError('Not a message under this key')
    if (wantsQuickAck) link.quickAck(envelope.quickAckToken)
    announceKey(authKey, carried)
    const session = sessions.open(authKey, envelope.sessionId, link)
    await inbox.receive(envelope, { link, session, authKey, room })
  }

  async function receive(frame: Frame, carried: Carried): Promise<void> {
    if (frame.payload.length < 8) throw new ProtocolError('Short payload')
    if (frame.payload.readBigInt64LE(0) === 0n) receiveClear(frame.payload, carried)
    else await receiveEncrypted(frame, carried)
    await carried.link.writable()
  }

  async function carry(link: Link): Promise<void> {
    const announced = new Set<string>()
    const carried = { link, exchange: exchangeFor(link), room: createRoom(), announced }
    try {
      for await (const frame of link.payloads()) await receive(frame, carried)
      link.end()
    } catch (error) {
      const isPeersFault = error instanceof ProtocolError || error instanceof TlError
      if (!isPeersFault) return link.destroy()
      const code = error instanceof ProtocolError ? error.transportCode : UNKNOWN_KEY
      link.send([transportError(code)])
      link.end()
    } finally {
      handler.connectionClosed?.(link)
    }
  }

  return { carry, close: () => sessions.close() }
}
