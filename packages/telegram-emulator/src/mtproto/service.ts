import { encoder } from '../tl/codec.ts'
import { createWriter } from '../tl/writer.ts'
import type { AuthKeyStore, TlObject } from '../types.ts'
import type { CallContext } from './calls.ts'
import type { Message } from './messages/encrypted-message.ts'
import type { Salts } from './salts.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface ServiceContext extends CallContext {
  keys: AuthKeyStore
  salts: Salts
  sessions: Sessions
}

type Service = (content: TlObject, message: Message, context: ServiceContext) => void

const RPC_RESULT = 0xf35c6d01
const MAX_IDS = 8192

const idsOf = (content: TlObject): bigint[] =>
  Array.isArray(content.msg_ids)
    ? content.msg_ids.filter((id) => typeof id === 'bigint').slice(0, MAX_IDS)
    : []

const asLong = (value: unknown): bigint => (typeof value === 'bigint' ? value : 0n)

const pong: Service = ({ ping_id }, { id }, { session }) =>
  session.notify({ _: 'pong', msg_id: id, ping_id }, 'answer')

/** One byte for each message, with its state (https://core.telegram.org/mtproto/service_messages_about_messages#informational-message-regarding-status-of-messages). */
function stateOf(id: bigint, { log }: Session): number {
  const request = log.find(id)
  if (request) {
    if (request.isRunning) return 4 | 32
    return request.answer ? 4 | 32 | 64 : 4
  }
  return log.isForgotten(id) ? 1 : 2
}

function sendStates(ids: bigint[], message: Message, session: Session): void {
  const info = Uint8Array.from(ids, (id) => stateOf(id, session))
  session.notify({ _: 'msgs_state_info', req_msg_id: message.id, info }, 'answer')
}

const SERVICES: Record<string, Service> = {
  msgs_ack: (content, _message, { session }) => session.log.acknowledge(idsOf(content)),
  ping: pong,
  ping_delay_disconnect: (content, message, context) => {
    pong(content, message, context)
    context.connection.disconnectAfter(Number(content.disconnect_delay) * 1000)
  },
  get_future_salts: ({ num }, { id }, { authKey, salts, session }) => {
    const future = salts.future(authKey, Number(num)).map((salt) => ({
      _: 'future_salt',
      valid_since: salt.validSince,
      valid_until: salt.validUntil,
      salt: salt.value,
    }))
    const now = Math.floor(Date.now() / 1000)
    session.notify({ _: 'future_salts', req_msg_id: id, now, salts: future }, 'answer')
  },
  destroy_session: ({ session_id }, _message, { authKey, session, sessions }) => {
    const id = asLong(session_id)
    const isGone = id !== session.id && sessions.destroy(authKey.id, id)
    const name = isGone ? 'destroy_session_ok' : 'destroy_session_none'
    session.notify({ _: name, session_id: id }, 'answer')
  },
  destroy_auth_key: (_content, _message, { authKey, keys, session }) => {
    const name = keys.remove ? 'destroy_auth_key_ok' : 'destroy_auth_key_fail'
    session.notify({ _: name }, 'answer')
    keys.remove?.(authKey.id)
  },
  rpc_drop_answer: ({ req_msg_id }, message, context) =>
    dropAnswer(asLong(req_msg_id), message, context),
  msgs_state_req: (content, message, { session }) => sendStates(idsOf(content), message, session),
  msg_resend_req: (content, message, { session }) => {
    const ids = idsOf(content)
    const missing = ids.filter((id) => !session.resend(id))
    if (missing.length > 0) sendStates(ids, message, session)
  },
  // These need no answer: waiting is for HTTP only, and the others are notices.
  http_wait: () => {},
  msgs_state_info: () => {},
  msgs_all_info: () => {},
  msg_detailed_info: () => {},
  msg_new_detailed_info: () => {},
}

function dropAnswer(requestId: bigint, message: Message, { session }: ServiceContext): void {
  const dropped = session.log.find(requestId)
  const request = session.log.find(message.id)
  if (!request) return
  const answer = dropped?.answer
  const isKnown = dropped && (dropped.isRunning || answer)
  const result: TlObject = !isKnown
    ? { _: 'rpc_answer_unknown' }
    : answer
      ? {
          _: 'rpc_answer_dropped',
          msg_id: answer.id,
          seq_no: answer.seqno,
          bytes: answer.body.length,
        }
      : { _: 'rpc_answer_dropped_running' }
  if (dropped) {
    dropped.isDropped = true
    session.log.dropAnswer(dropped)
  }
  const writer = createWriter()
  writer.int(RPC_RESULT)
  writer.long(message.id)
  encoder.object(writer, result, 0)
  session.answer(request, writer.finish())
}

/** Whether a message is MTProto's own business and not a method of the API. */
export function isService(name: string | undefined): name is string {
  return name !== undefined && Object.hasOwn(SERVICES, name)
}

/** Handles a service message (https://core.telegram.org/mtproto/service_messages). */
export function serve(content: TlObject, message: Message, context: ServiceContext): void {
  SERVICES[content._]?.(content, message, context)
}
