import { createSemaphore, type Semaphore } from '../../lib/semaphore.ts'
import { DEFAULT_LAYER, decoder } from '../tl/codec.ts'
import { createReader, UnknownIdError } from '../tl/reader.ts'
import type { AuthKey, AuthKeyStore, RpcHandler, RpcOutcome, TlObject } from '../types.ts'
import { bindTemporaryKey } from './bind-key.ts'
import type { Message } from './envelope.ts'
import type { Link } from './link.ts'
import type { Request } from './request-log.ts'
import { encodeError, encodeResult } from './rpc-result.ts'
import type { Session } from './session.ts'

export interface CallContext {
  link: Link
  session: Session
  /** The key of this connection as it is known now, bound or not. */
  authKey: AuthKey
  /** Bounds what one connection may have in work. */
  room: Semaphore
}

export interface Calls {
  /** Begins a call. Resolves when it has begun, which may wait for room; its end is not waited for. */
  start: (message: Message, request: Request, context: CallContext) => Promise<void>
}

/** How much one connection may have in work: what it sent and what it asks for. */
export const ROOM_BYTES = 16 * 1024 * 1024
const SMALLEST_WEIGHT = 64 * 1024
const LARGEST_ANSWER = 1024 * 1024
const WAIT_MS = 10_000

/** What a temporary key may call before it is bound; Telegram refuses the rest. */
const ALLOWED_UNBOUND = /^(auth\.bindTempAuthKey|help\.get(Config|NearestDc|AppConfig|CdnConfig))$/

const failed = (code: number, message: string): RpcOutcome => ({ kind: 'error', code, message })

interface ParsedCall {
  method: TlObject
  /** Messages that must have succeeded before. */
  after: bigint[]
  layer: number | null
}

function parse(body: Uint8Array): ParsedCall {
  const after: bigint[] = []
  let layer: number | null = null
  const method = decoder.call(createReader(body), (wrapper) => {
    if (typeof wrapper.layer === 'number') layer = wrapper.layer
    const ids = Array.isArray(wrapper.msg_ids) ? wrapper.msg_ids : [wrapper.msg_id]
    if (!wrapper._.startsWith('invokeAfterMsg')) return
    for (const id of ids) if (typeof id === 'bigint') after.push(id)
  })
  return { method, after, layer }
}

function toRefusal(error: unknown): RpcOutcome {
  if (error instanceof UnknownIdError && error.isMethod) {
    return failed(400, `INPUT_METHOD_INVALID_${error.id}`)
  }
  if (error instanceof UnknownIdError) {
    return failed(400, `INPUT_CONSTRUCTOR_INVALID_${error.id.toString(16).toUpperCase()}`)
  }
  return failed(400, 'INPUT_FETCH_ERROR')
}

function weightOf({ method }: ParsedCall, body: Uint8Array): number {
  const asked = method._.startsWith('upload.get') ? Number(method.limit) || 0 : 0
  return Math.max(SMALLEST_WEIGHT, body.length + Math.min(asked, LARGEST_ANSWER))
}

/** Runs methods: unwraps them, hands them to the API half, sends what it answers. */
export function createCalls(keys: AuthKeyStore, handler: RpcHandler): Calls {
  const layers = new Map<string, number>()

  function learnLayer(keyId: string, layer: number | null): number {
    const known = layers.get(keyId) ?? keys.find(keyId)?.layer
    if (layer === null || layer === known) return known ?? DEFAULT_LAYER
    layers.set(keyId, layer)
    const key = keys.find(keyId)
    if (key) keys.save({ ...key, layer })
    return layer
  }

  async function haveSucceeded(ids: bigint[], session: Session): Promise<boolean | 'late'> {
    const requests = ids.map((id) => session.log.find(id))
    const late = AbortSignal.timeout(WAIT_MS)
    const timeout = new Promise<'late'>((resolve) => {
      late.addEventListener('abort', () => resolve('late'), { once: true })
    })
    const all = Promise.all(requests.map((request) => request?.succeeded ?? false))
    return Promise.race([all.then((results) => results.every(Boolean)), timeout])
  }

  async function outcomeOf(
    { method, after }: ParsedCall,
    message: Message,
    { link, session, authKey }: CallContext,
    layer: number,
  ): Promise<RpcOutcome> {
    if (after.length > 0) {
      const result = await haveSucceeded(after, session)
      if (result === 'late') return failed(500, 'MSG_WAIT_TIMEOUT')
      if (!result) return failed(400, 'MSG_WAIT_FAILED')
    }
    if (method._ === 'auth.bindTempAuthKey') {
      const context = { keys, authKey, sessionId: session.id, messageId: message.id }
      return bindTemporaryKey(method, context)
    }
    const isUnbound = authKey.expiresAt !== null && authKey.permanentKeyId === null
    if (isUnbound && !ALLOWED_UNBOUND.test(method._)) return failed(401, 'AUTH_KEY_PERM_EMPTY')
    return handler.call({
      method,
      authKeyId: authKey.permanentKeyId ?? authKey.id,
      layer,
      sessionId: session.id.toString(),
      connection: link,
    })
  }

  function settle(
    outcome: RpcOutcome,
    request: Request,
    { link, session }: CallContext,
    encode: () => ReturnType<typeof encodeResult>,
  ): void {
    request.isRunning = false
    request.settle(outcome.kind === 'result')
    if (outcome.kind === 'drop') link.destroy()
    if (outcome.kind === 'drop' || outcome.kind === 'silence' || request.isDropped) return
    session.answer(request, encode())
  }

  async function run(
    call: ParsedCall,
    message: Message,
    request: Request,
    context: CallContext,
  ): Promise<void> {
    const layer = learnLayer(context.authKey.permanentKeyId ?? context.authKey.id, call.layer)
    const outcome = await outcomeOf(call, message, context, layer).catch((error: unknown) =>
      failed(500, `INTERNAL: ${error instanceof Error ? error.message : 'unknown'}`),
    )
    settle(outcome, request, context, () => {
      if (outcome.kind === 'error') return encodeError(message.id, outcome.code, outcome.message)
      const value = outcome.kind === 'result' ? outcome.value : undefined
      try {
        return encodeResult(message.id, { method: call.method._, value, layer })
      } catch (error) {
        const why = error instanceof Error ? error.message : 'unknown'
        return encodeError(message.id, 500, `INTERNAL: ${why}`)
      }
    })
  }

  return {
    start: async (message, request, context) => {
      request.isRunning = true
      context.session.acknowledgeLater(message.id)
      let call: ParsedCall
      try {
        call = parse(message.body)
      } catch (error) {
        const refusal = toRefusal(error)
        settle(refusal, request, context, () =>
          encodeError(message.id, 400, refusal.kind === 'error' ? refusal.message : ''),
        )
        return
      }
      const release = await context.room.acquire(weightOf(call, message.body), context.link.signal)
      void run(call, message, request, context).finally(release)
    },
  }
}

/** The bound of one connection. */
export function createRoom(): Semaphore {
  return createSemaphore(ROOM_BYTES)
}
