import type { Semaphore } from '../lib/semaphore.ts'
import { TlError } from '../tl/reader.ts'
import type { AuthKey, AuthKeyStore, RpcHandler } from '../types.ts'
import { createCapacity } from './calls.ts'
import type { MtprotoConnection } from './connection.ts'
import { createKeyExchange, type KeyExchange } from './handshake/key-exchange.ts'
import type { ServerKey } from './handshake/rsa.ts'
import { decryptMessage } from './messages/encrypted-message.ts'
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
  /** Serves one connection from its first payload to its end; never rejects. */
  serve: (connection: MtprotoConnection) => Promise<void>
  close: () => void
}

/** The state of one connection. */
interface ConnectionState {
  connection: MtprotoConnection
  exchange: KeyExchange
  capacity: Semaphore
  /** Permanent keys under which this connection has carried messages. */
  announced: Set<string>
}

const UNKNOWN_KEY = -404
const CLEAR_HEADER = 20

function transportError(code: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeInt32LE(code)
  return payload
}

/** Passes each payload on: as a step of a key exchange, or as a message under a key. */
export function createDispatcher({ serverKey, keys, handler }: DispatcherOptions): Dispatcher {
  const salts = createSalts()
  const sessions = createSessions(salts)
  const inbox = createInbox({ keys, handler, salts, sessions })
  const clearIds = createMessageIds()

  function exchangeFor(connection: MtprotoConnection): KeyExchange {
    return createKeyExchange({
      serverKey,
      dcId: connection.role.dcId,
      isTaken: (id) => keys.find(id) !== null,
      onKey: (key, firstSalt) => {
        keys.save(key)
        salts.remember(key.id, firstSalt)
      },
    })
  }

  /** Eight zero bytes, id, length, body (https://core.telegram.org/mtproto/description#unencrypted-message). */
  function receiveClear(payload: Buffer, { connection, exchange }: ConnectionState): void {
    const length = payload.length < CLEAR_HEADER ? 0 : payload.readUInt32LE(16)
    if (length < 4 || length > payload.length - CLEAR_HEADER) throw new ProtocolError('Bad length')
    const answer = exchange.receive(payload.subarray(CLEAR_HEADER, CLEAR_HEADER + length))
    if (!answer) return
    const header = Buffer.alloc(CLEAR_HEADER)
    header.writeBigInt64LE(clearIds('answer'), 8)
    header.writeUInt32LE(answer.length, 16)
    connection.send([header, ...answer.pieces])
  }

  function findKey(payload: Buffer, connection: MtprotoConnection): AuthKey | null {
    const key = keys.find(payload.readBigInt64LE(0).toString())
    if (!key || key.dcId !== connection.role.dcId) return null
    if (key.expiresAt !== null && key.expiresAt < Date.now()) return null
    return handler.keyAlive?.(key.permanentKeyId ?? key.id) === false ? null : key
  }

  function announceKey(authKey: AuthKey, { connection, announced }: ConnectionState): void {
    const isUnbound = authKey.expiresAt !== null && authKey.permanentKeyId === null
    const keyId = authKey.permanentKeyId ?? authKey.id
    if (isUnbound || announced.has(keyId)) return
    announced.add(keyId)
    handler.connectionKeyed?.(connection, keyId)
  }

  async function receiveEncrypted({ payload, wantsQuickAck }: Frame, state: ConnectionState) {
    const { connection, capacity } = state
    const authKey = findKey(payload, connection)
    // The connection stays open: the client decides what it does about a dead key.
    if (!authKey) return connection.send([transportError(UNKNOWN_KEY)])
    const decrypted = decryptMessage(authKey.key, payload)
    if (!decrypted) throw new ProtocolError('Not a message under this key')
    if (wantsQuickAck) connection.quickAck(decrypted.quickAckToken)
    announceKey(authKey, state)
    const session = sessions.open(authKey, decrypted.sessionId, connection)
    await inbox.receive(decrypted, { connection, session, authKey, capacity })
  }

  async function receive(frame: Frame, state: ConnectionState): Promise<void> {
    if (frame.payload.length < 8) throw new ProtocolError('Short payload')
    if (frame.payload.readBigInt64LE(0) === 0n) receiveClear(frame.payload, state)
    else await receiveEncrypted(frame, state)
    await state.connection.writable()
  }

  async function serve(connection: MtprotoConnection): Promise<void> {
    const announced = new Set<string>()
    const state = {
      connection,
      exchange: exchangeFor(connection),
      capacity: createCapacity(),
      announced,
    }
    try {
      for await (const frame of connection.payloads()) await receive(frame, state)
      connection.end()
    } catch (error) {
      const isPeersFault = error instanceof ProtocolError || error instanceof TlError
      if (!isPeersFault) return connection.destroy()
      const code = error instanceof ProtocolError ? error.transportCode : UNKNOWN_KEY
      connection.send([transportError(code)])
      connection.end()
    } finally {
      handler.connectionClosed?.(connection)
    }
  }

  return { serve, close: () => sessions.close() }
}
