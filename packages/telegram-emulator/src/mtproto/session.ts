import { randomBytes } from 'node:crypto'
import { encoder } from '../tl/codec.ts'
import type { Encoded } from '../tl/writer.ts'
import type { AuthKey, TlObject } from '../types.ts'
import type { MtprotoConnection } from './connection.ts'
import { encryptMessage } from './messages/encrypted-message.ts'
import type { MessageIds } from './messages/message-id.ts'
import { createRequestLog, type Request, type RequestLog } from './request-log.ts'
import type { Salts } from './salts.ts'

/** A client's session. It outlives connections: answers are sent over its current one. */
export interface Session {
  readonly id: bigint
  readonly authKey: AuthKey
  readonly log: RequestLog
  readonly connection: MtprotoConnection
  /** Since when the session has no connection, in epoch ms; null while it has one. */
  readonly idleSince: number | null
  /** Makes a connection the session's current one; answers that could not be sent are sent there. */
  attach: (connection: MtprotoConnection) => void
  /** Sends new_session_created, once: the server knows no earlier messages. */
  announce: (firstMessageId: bigint) => void
  /** Sends a message that needs no acknowledgement: `answer` to a message of the client, or not. */
  notify: (value: TlObject, kind: 'answer' | 'other') => void
  /** Sends an object of the API that is no answer, as clients of `layer` know it; false without a connection. */
  push: (value: TlObject, layer: number) => boolean
  /** Sends the answer to a request, and keeps it until it is acknowledged. */
  answer: (request: Request, body: Encoded) => void
  resend: (answerId: bigint) => boolean
  /** Acknowledges a message of the client after a moment, unless an answer does so first. */
  acknowledgeLater: (messageId: bigint) => void
  close: () => void
}

export interface SessionOptions {
  id: bigint
  authKey: AuthKey
  connection: MtprotoConnection
  salts: Salts
  messageIds: MessageIds
}

const ACKNOWLEDGE_AFTER_MS = 250
const MAX_UNDELIVERED = 256

/** Starts a session under a key. */
export function createSession(options: SessionOptions): Session {
  const { id, authKey, salts, messageIds } = options
  const log = createRequestLog()
  const unacknowledged = new Set<bigint>()
  const undelivered: Request[] = []
  let connection = options.connection
  let idleSince: number | null = null
  let contentMessages = 0
  let isAnnounced = false
  let timer: NodeJS.Timeout | null = null

  // An odd number asks for an acknowledgement (https://core.telegram.org/mtproto/description#message-sequence-number-msg-seqno).
  const nextSeqno = (isContent: boolean): number =>
    isContent ? contentMessages++ * 2 + 1 : contentMessages * 2

  function send(messageId: bigint, seqno: number, body: Encoded): void {
    const salt = salts.current(authKey)
    connection.send([encryptMessage(authKey, { salt, sessionId: id, id: messageId, seqno, body })])
  }

  function notify(value: TlObject, kind: 'answer' | 'other', isContent = false): void {
    if (connection.signal.aborted) return
    send(messageIds(kind), nextSeqno(isContent), encoder.encode(value, 0))
  }

  function deliver(request: Request): void {
    const { answer } = request
    if (!answer) return
    if (!connection.signal.aborted) send(answer.id, answer.seqno, answer.body)
    else if (undelivered.length < MAX_UNDELIVERED) undelivered.push(request)
  }

  function follow(next: MtprotoConnection): void {
    connection = next
    idleSince = null
    next.signal.addEventListener('abort', () => {
      if (connection === next) idleSince = Date.now()
    })
  }

  function flushAcknowledgements(): void {
    timer = null
    if (unacknowledged.size === 0) return
    notify({ _: 'msgs_ack', msg_ids: [...unacknowledged] }, 'other')
    unacknowledged.clear()
  }

  follow(connection)

  return {
    id,
    authKey,
    log,
    get connection() {
      return connection
    },
    get idleSince() {
      return idleSince
    },
    attach: (next) => {
      if (next === connection) return
      follow(next)
      for (const request of undelivered.splice(0)) deliver(request)
    },
    announce: (firstMessageId) => {
      if (isAnnounced) return
      isAnnounced = true
      const value = {
        _: 'new_session_created',
        first_msg_id: firstMessageId,
        unique_id: randomBytes(8).readBigInt64LE(),
        server_salt: salts.current(authKey),
      }
      notify(value, 'other', true)
    },
    notify,
    push: (value, layer) => {
      if (connection.signal.aborted) return false
      send(messageIds('other'), nextSeqno(true), encoder.encode(value, layer))
      return true
    },
    answer: (request, body) => {
      unacknowledged.delete(request.id)
      log.keepAnswer(request, { id: messageIds('answer'), seqno: nextSeqno(true), body })
      deliver(request)
    },
    resend: (answerId) => {
      const answer = log.findAnswer(answerId)
      if (answer) send(answer.id, answer.seqno, answer.body)
      return answer !== undefined
    },
    acknowledgeLater: (messageId) => {
      unacknowledged.add(messageId)
      timer ??= setTimeout(flushAcknowledgements, ACKNOWLEDGE_AFTER_MS).unref()
    },
    close: () => {
      if (timer) clearTimeout(timer)
    },
  }
}
