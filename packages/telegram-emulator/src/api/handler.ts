import { HOME_DC, type Telegram } from '../context.ts'
import { flipBytes } from '../faults/flip-byte.ts'
import type { FaultEffect } from '../faults/rules.ts'
import { sleep } from '../lib/sleep.ts'
import { badRequest, floodWait, RpcError } from '../rpc-error.ts'
import { isTlObject } from '../tl-fields.ts'
import type { RpcCall, RpcHandler, RpcOutcome, TlValue } from '../types.ts'
import { createCallRules } from './call-rules.ts'
import { sessionOf } from './method.ts'
import { createMethodTable, type MethodTable } from './method-table.ts'
import { addressName, type SessionRules } from './session-rules.ts'
import { createPushes } from './updates/pushes.ts'

const UPLOAD_METHODS = /^upload\.save(Big)?FilePart$/

/** Methods that a data centre serves for accounts of another one. */
const GUEST_METHODS = /^(upload|help|auth|users)\./

/** Makes the API half, as the protocol half calls it. */
export function createRpcHandler(telegram: Telegram, rules: SessionRules): RpcHandler {
  const table = createMethodTable()
  const callRules = createCallRules(telegram)
  const pushes = createPushes(telegram)
  return {
    call: async (call) => {
      const counter = telegram.counters.method(call.method._)
      const address = addressName(call.connection)
      counter.calls++
      counter.byAddress[address] = (counter.byAddress[address] ?? 0) + 1
      const effects = matchFaults(telegram, call)
      let endPart = (): void => {}
      const outcome = await answer(telegram, call, () => {
        rules.check(call)
        callRules.check(call)
        endPart = startPart(telegram, call)
        return applyBefore(effects) ?? runWith(effects, telegram, table, call)
      })
      pushes.subscribe(call)
      if (outcome.kind === 'error')
        counter.errors[outcome.message] = (counter.errors[outcome.message] ?? 0) + 1
      const lateMs = lateness(telegram, effects)
      if (lateMs > 0) await sleep(lateMs)
      endPart()
      return applyAfter(effects, outcome)
    },
    connectionKeyed: rules.keyed,
    connectionClosed: rules.closed,
    keyBound: callRules.keyBound,
    keyAlive: (authKeyId) => {
      const death = telegram.store.keys.deathOf(authKeyId)
      return (
        death === null ||
        (death === 'duplicated' && telegram.settings.duplicatedKey === 'unregistered')
      )
    },
  }
}

function matchFaults(
  telegram: Telegram,
  { method, connection, authKeyId }: RpcCall,
): FaultEffect[] {
  const { keys, bundles } = telegram.store
  const accountId = keys.accountOf(authKeyId)
  return telegram.faults.match({
    method: method._,
    accountId,
    label: () => (accountId === null ? null : bundles.labelOf(accountId)),
    dcId: connection.role.dcId,
    mediaOnly: connection.role.mediaOnly,
  })
}

async function answer(
  telegram: Telegram,
  call: RpcCall,
  run: () => RpcOutcome | Promise<RpcOutcome>,
): Promise<RpcOutcome> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RpcError)
      return { kind: 'error', code: error.code, message: error.message }
    telegram.log(`${call.method._} failed: ${error instanceof Error ? error.stack : error}`)
    return { kind: 'error', code: 500, message: 'INTERNAL' }
  }
}

/** Runs the method; effects on bytes are on those that the call brings, or else on those it fetches. */
async function runWith(
  effects: readonly FaultEffect[],
  telegram: Telegram,
  table: MethodTable,
  call: RpcCall,
): Promise<RpcOutcome> {
  const { bytes } = call.method
  if (bytes instanceof Uint8Array) {
    const method = { ...call.method, bytes: flipBytes(effects, bytes) }
    return run(telegram, table, { ...call, method })
  }
  const outcome = await run(telegram, table, call)
  const { value } = outcome.kind === 'result' ? outcome : { value: null }
  if (value === null || !isTlObject(value) || !(value.bytes instanceof Uint8Array)) return outcome
  return { kind: 'result', value: { ...value, bytes: flipBytes(effects, value.bytes) } }
}

async function run(telegram: Telegram, table: MethodTable, call: RpcCall): Promise<RpcOutcome> {
  const { method, authKeyId, connection } = call
  const accountId = telegram.store.keys.accountOf(authKeyId)
  const account = accountId === null ? null : telegram.store.accounts.find(accountId)
  const given = { telegram, method, authKeyId, session: sessionOf(call), connection }
  const open = table.open[method._]
  let value: TlValue
  if (open) value = await open({ ...given, account })
  else {
    if (!account) throw new RpcError(401, 'AUTH_KEY_UNREGISTERED')
    const wanted = table.methods[method._]
    if (!wanted) throw badRequest('METHOD_INVALID')
    checkHome(call)
    value = await wanted({ ...given, account })
  }
  return { kind: 'result', value }
}

/** Counts an uploaded part as in flight until it is answered; throws when it is one too many. */
function startPart(telegram: Telegram, { method, authKeyId, connection }: RpcCall): () => void {
  const { keys, accounts } = telegram.store
  const accountId = UPLOAD_METHODS.test(method._) ? keys.accountOf(authKeyId) : null
  if (accountId === null) return () => {}
  const end = telegram.limits.startPart({ connectionId: connection.id, accountId })
  if (end) return end
  const seconds = telegram.settings.partsWaitSeconds
  // https://core.telegram.org/api/files#uploading-files
  if (accounts.find(accountId)?.premium) throw floodWait(seconds)
  throw new RpcError(420, `FLOOD_PREMIUM_WAIT_${seconds}`)
}

/** Sends an account that is a guest at another data centre home, except for the methods served there. */
function checkHome({ method, connection }: RpcCall): void {
  if (connection.role.dcId !== HOME_DC && !GUEST_METHODS.test(method._))
    throw new RpcError(303, `USER_MIGRATE_${HOME_DC}`)
}

function applyBefore(effects: readonly FaultEffect[]): RpcOutcome | null {
  for (const effect of effects) {
    if (effect.kind === 'error')
      return { kind: 'error', code: effect.code, message: effect.message }
    if (effect.kind === 'drop') return { kind: 'drop' }
    if (effect.kind === 'silence') return { kind: 'silence' }
  }
  return null
}

function applyAfter(effects: readonly FaultEffect[], outcome: RpcOutcome): RpcOutcome {
  if (effects.some(({ kind }) => kind === 'drop-after')) return { kind: 'drop' }
  if (effects.some(({ kind }) => kind === 'lose-answer')) return { kind: 'silence' }
  return outcome
}

function lateness(telegram: Telegram, effects: readonly FaultEffect[]): number {
  return effects.reduce(
    (sum, effect) => sum + (effect.kind === 'latency' ? effect.ms : 0),
    telegram.settings.latencyMs,
  )
}
