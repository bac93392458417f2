import { decoder, schema } from '../../tl/codec.ts'
import { unpackGzip } from '../../tl/decode.ts'
import { createReader, TlError } from '../../tl/reader.ts'
import type { AuthKeyStore, RpcHandler } from '../../types.ts'
import { type CallContext, createCalls } from '../calls.ts'
import { BAD_MESSAGE, type Request } from '../request-log.ts'
import type { Salts } from '../salts.ts'
import { isService, serve } from '../service.ts'
import type { Sessions } from '../sessions.ts'
import { parseContainer, typeIdOf } from './container.ts'
import type { DecryptedMessage, Message } from './encrypted-message.ts'

/** Receives the messages of a session: checks each, and runs it once. */
export interface Inbox {
  receive: (decrypted: DecryptedMessage, context: CallContext) => Promise<void>
}

export interface InboxOptions {
  keys: AuthKeyStore
  handler: RpcHandler
  salts: Salts
  sessions: Sessions
}

const CONTAINER = 0x73f1f8dc
const GZIP_PACKED = 0x3072cfa1

function refuse({ id, seqno }: Message, code: number, { session }: CallContext): void {
  session.notify(
    { _: 'bad_msg_notification', bad_msg_id: id, bad_msg_seqno: seqno, error_code: code },
    'answer',
  )
}

/** A message that came before is not executed again; its answer, if there is one, is sent again. */
function repeat(request: Request, { session }: CallContext): void {
  if (request.answer) session.resend(request.answer.id)
  else session.acknowledgeLater(request.id)
}

// The decoder unpacks methods at any depth; here only the kind of the message matters.
function unpacked(body: Uint8Array): Uint8Array {
  if (typeIdOf(body) !== GZIP_PACKED) return body
  try {
    return unpackGzip(createReader(body.subarray(4)).bytes())
  } catch (error) {
    if (error instanceof TlError) return body
    throw error
  }
}

/** Passes on messages that are new, allowed and in order. */
export function createInbox({ keys, handler, salts, sessions }: InboxOptions): Inbox {
  const calls = createCalls(keys, handler)

  async function receiveContainer(message: Message, context: CallContext): Promise<void> {
    const { log } = context.session
    const code = log.check(message)
    if (code !== null) return refuse(message, code, context)
    if (message.seqno % 2 === 1) return refuse(message, BAD_MESSAGE.seqnoNotEven, context)
    if (log.find(message.id)) return refuse(message, BAD_MESSAGE.containerRepeated, context)
    const inner = parseContainer(message.body)
    const isValid = inner?.every(({ id, body }) => id < message.id && typeIdOf(body) !== CONTAINER)
    if (!inner || !isValid) return refuse(message, BAD_MESSAGE.invalidContainer, context)
    for (const contained of inner) await receiveMessage(contained, context)
    if (log.check(message) === null) log.add(message)
  }

  async function receiveMessage(message: Message, context: CallContext): Promise<void> {
    if (typeIdOf(message.body) === CONTAINER) return receiveContainer(message, context)
    const { session } = context
    const { log } = session
    const body = unpacked(message.body)
    const typeId = typeIdOf(body)
    const definition = schema.constructorById(typeId) ?? schema.methodById(typeId)
    const isCall = !isService(definition?.name)

    const code = log.check(message)
    if (code !== null) return refuse(message, code, context)
    const known = log.find(message.id)
    if (known) return repeat(known, context)
    if (isCall && message.seqno % 2 === 0) {
      return refuse(message, BAD_MESSAGE.seqnoNotOdd, context)
    }

    session.announce(message.id)
    const request = log.add(message)
    if (isCall) await calls.start({ ...message, body }, request, context)
    else runService({ ...message, body }, definition?.isMethod === true, context)
  }

  function runService(message: Message, isMethod: boolean, context: CallContext): void {
    const reader = createReader(message.body)
    try {
      const content = isMethod ? decoder.call(reader, () => {}) : decoder.object(reader)
      serve(content, message, { ...context, keys, salts, sessions })
    } catch (error) {
      // A malformed service message asks for nothing.
      if (!(error instanceof TlError)) throw error
    }
  }

  return {
    receive: async (decrypted, context) => {
      const { session, authKey } = context
      if (salts.isValid(authKey, decrypted.salt)) return receiveMessage(decrypted, context)
      session.notify(
        {
          _: 'bad_server_salt',
          bad_msg_id: decrypted.id,
          bad_msg_seqno: decrypted.seqno,
          error_code: BAD_MESSAGE.wrongSalt,
          new_server_salt: salts.current(authKey),
        },
        'answer',
      )
    },
  }
}
