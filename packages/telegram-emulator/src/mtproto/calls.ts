import { createSemaphore, type Semaphore } from '../lib/semaphore.ts'
import { DEFAULT_LAYER } from '../tl/codec.ts'
import type { Encoded } from '../tl/writer.ts'
import type { AuthKey, AuthKeyStore, RpcHandler, RpcOutcome } from '../types.ts'
import type { MtprotoConnection } from './connection.ts'
import { bindTemporaryKey } from './handshake/bind-key.ts'
import type { Message } from './messages/encrypted-message.ts'
import { nameUnreadable, type ParsedCall, parseCall, weightOf } from './messages/parsed-call.ts'
import { encodeError, encodeResult } from './messages/rpc-result.ts'
import type { Request } from './request-log.ts'
import type { Session } from './session.ts'

export interface CallContext {
  connection: MtprotoConnection
  session: Session
  /** The key of this connection as it is known now, bound or not. */
  authKey: AuthKey
  /** Limits the bytes of the calls that one connection has running. */
  capacity: Semaphore
}

export interface Calls {
  /** Starts a call. Resolves when it has started, which may wait for capacity; it does not wait for the call's end. */
  start: (message: Message, request: Request, context: CallContext) => Promise<void>
}

const CAPACITY_BYTES = 16 * 1024 * 1024
const WAIT_MS = 10_000

/** Methods that a temporary key may call before it is bound; Telegram refuses the rest. */
const ALLOWED_UNBOUND = /^help\.get(Config|NearestDc|AppConfig|CdnConfig)$/

const failed = (code: number, message: string): RpcOutcome => ({ kind: 'error', code, message })

const internal = (error: unknown): RpcOutcome =>
  failed(500, `INTERNAL: ${error instanceof Error ? error.message : 'unknown'}`)

const permanentIdOf = (key: AuthKey): string => key.permanentKeyId ?? key.id

/** Makes the limit of one connection. */
export function createCapacity(): Semaphore {
  return createSemaphore(CAPACITY_BYTES)
}

async function haveSucceeded(ids: bigint[], { log }: Session): Promise<boolean | 'late'> {
  const results = Promise.all(ids.map((id) => log.find(id)?.succeeded ?? false))
  const late = new Promise<'late'>((resolve) => {
    setTimeout(resolve, WAIT_MS, 'late').unref()
  })
  return Promise.race([results.then((all) => all.every(Boolean)), late])
}

/** Runs methods: unwraps them, passes them to the API half, sends its answers. */
export function createCalls(keys: AuthKeyStore, handler: RpcHandler): Calls {
  const layers = new Map<string, number>()

  const layerOf = (keyId: string): number =>
    layers.get(keyId) ?? keys.find(keyId)?.layer ?? DEFAULT_LAYER

  function learnLayer(keyId: string, layer: number): void {
    if (layers.get(keyId) === layer) return
    layers.set(keyId, layer)
    const key = keys.find(keyId)
    if (key && key.layer !== layer) keys.save({ ...key, layer })
  }

  function bind({ method }: ParsedCall, message: Message, context: CallContext): RpcOutcome {
    const { authKey, session } = context
    const layer = layers.get(authKey.id)
    const binding = { keys, authKey, sessionId: session.id, messageId: message.id }
    const outcome = bindTemporaryKey(method, binding)
    if (outcome.kind === 'result') handler.keyBound?.(authKey.id)
    if (outcome.kind === 'result' && layer !== undefined) {
      learnLayer(String(method.perm_auth_key_id), layer)
    }
    return outcome
  }

  async function perform(
    call: ParsedCall,
    message: Message,
    context: CallContext,
  ): Promise<RpcOutcome> {
    const { connection, session, authKey } = context
    if (call.after.length > 0) {
      const result = await haveSucceeded(call.after, session)
      if (result === 'late') return failed(500, 'MSG_WAIT_TIMEOUT')
      if (!result) return failed(400, 'MSG_WAIT_FAILED')
    }
    const { method } = call
    if (method._ === 'auth.bindTempAuthKey') return bind(call, message, context)
    const isUnbound = authKey.expiresAt !== null && authKey.permanentKeyId === null
    if (isUnbound && !ALLOWED_UNBOUND.test(method._)) return failed(401, 'AUTH_KEY_PERM_EMPTY')
    return handler.call({
      method,
      wrappers: call.wrappers,
      authKeyId: permanentIdOf(authKey),
      usedKeyId: authKey.id,
      layer: layerOf(permanentIdOf(authKey)),
      sessionId: session.id.toString(),
      connection,
      push: (updates) => session.push(updates, layerOf(permanentIdOf(authKey))),
    })
  }

  function encode(
    call: ParsedCall,
    requestId: bigint,
    outcome: RpcOutcome,
    layer: number,
  ): Encoded {
    if (outcome.kind === 'error') return encodeError(requestId, outcome.code, outcome.message)
    const value = outcome.kind === 'result' ? outcome.value : undefined
    try {
      return encodeResult(requestId, { method: call.method._, value, layer })
    } catch (error) {
      return encode(call, requestId, internal(error), layer)
    }
  }

  async function run(
    call: ParsedCall,
    message: Message,
    request: Request,
    context: CallContext,
  ): Promise<void> {
    const { connection, session, authKey } = context
    const outcome = await perform(call, message, context).catch(internal)
    request.isRunning = false
    request.settle(outcome.kind === 'result')
    if (outcome.kind === 'drop') {
      // As if the request had been lost on the way: repeated, it runs again.
      session.log.forget(request)
      connection.destroy()
    } else if (outcome.kind !== 'silence' && !request.isDropped) {
      session.answer(request, encode(call, message.id, outcome, layerOf(permanentIdOf(authKey))))
    }
  }

  async function reserve(weight: number, request: Request, context: CallContext) {
    try {
      return await context.capacity.acquire(weight, context.connection.signal)
    } catch (error) {
      context.session.log.forget(request)
      throw error
    }
  }

  function tryParse({ body }: Message): ParsedCall | string {
    try {
      return parseCall(body)
    } catch (error) {
      return nameUnreadable(error)
    }
  }

  return {
    start: async (message, request, context) => {
      const { connection, session, authKey, capacity } = context
      session.acknowledgeLater(message.id)
      const call = tryParse(message)
      if (typeof call === 'string') {
        request.settle(false)
        session.answer(request, encodeError(message.id, 400, call))
        return
      }
      if (call.layer !== null) learnLayer(permanentIdOf(authKey), call.layer)
      const weight = weightOf(call, message.body)
      const release = capacity.tryAcquire(weight) ?? (await reserve(weight, request, context))
      request.isRunning = true
      run(call, message, request, context)
        .catch(() => connection.destroy())
        .finally(release)
    },
  }
}
