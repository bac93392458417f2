import { shuttingDown } from '../../errors.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import {
  type HandOverAnswer,
  type HandOverRequest,
  type HandOverState,
  type Instance,
  isNewer,
  type PublicAddress,
} from '../ports/deployment.ts'
import type { Probe } from '../ports/health.ts'
import type { Log } from '../ports/log.ts'
import type { TelegramGate } from '../ports/telegram.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import { createHeir } from './heir.ts'
import type { LetGo } from './release.ts'
import { askToSucceed, isMissed } from './succession.ts'

export interface CustodyOptions {
  instance: Instance
  /** Null where there is no public address, or no secret to be known by. */
  address: PublicAddress | null
  gate: Pick<TelegramGate, 'open'>
  workGate: WorkGate
  letGo: LetGo
  /** Called whenever Telegram has become this instance's: jobs go on. */
  onHeld: () => void
  /** Milliseconds within which `letGo` is done. */
  graceMs: number
  /** Milliseconds to wait where nobody could be asked. */
  startupDelayMs: number
  /** Milliseconds after which one who has let go, and was never stopped, asks for it back. */
  returnAfterMs?: number | undefined
  log: Log
  /** Milliseconds that only ever go forward. */
  now?: () => number
}

/** Says whether Telegram is this instance's: of all instances of a deployment, one has it. */
export interface Custody {
  /** Begins to ask for it. Where there is nobody to ask and no time to wait, has it at once. */
  start: () => void
  /** Answers another instance, or this one. */
  answer: (request: HandOverRequest, signal: AbortSignal) => Promise<HandOverAnswer>
  /** Whether traffic had better go to the older instance still. */
  readonly awaitsOlder: boolean
  readiness: Probe
  /** Refuses requests and lets go for good; resolves when disconnected. `hurry`: as LetGo's. */
  close: (options: { hurry: boolean }) => Promise<void>
}

type State =
  | { kind: 'asking' }
  | { kind: 'holding' }
  | { kind: 'leaving'; done: Promise<void>; until: number }
  | { kind: 'released' }

/**
 * A proxy moves its traffic once the health check passes; a question that comes later comes back
 * here. So the check fails until the question has arrived, but not for longer: a proxy that wakes
 * this instance up may hold the question until the check passes.
 */
const ARRIVES_WITHIN_MS = 5_000
/** How much longer than its grace an older instance is waited for. */
const MARGIN_MS = 10_000

export function createCustody(options: CustodyOptions): Custody {
  const { instance, address, gate, workGate, graceMs, log } = options
  const { now = () => performance.now() } = options
  const closing = new AbortController()
  /** Ends the asking. */
  const asking = new AbortController()
  let awaitsOlderUntil = address === null ? 0 : Number.POSITIVE_INFINITY
  let state: State = { kind: 'asking' }
  const heir = createHeir()

  function hold(): void {
    state = { kind: 'holding' }
    heir.none()
    workGate.resume()
    gate.open()
    options.onHeld()
  }

  function leave(hurry = false): Promise<void> {
    if (state.kind === 'leaving') return state.done
    if (state.kind === 'released') return Promise.resolve()
    asking.abort(shuttingDown())
    // What waits for Telegram has nothing to end.
    const nothingRuns = state.kind === 'asking'
    const done = options
      .letGo({ hurry: hurry || nothingRuns })
      .catch((error: unknown) => log.error({ err: error }, 'letting go of Telegram has failed'))
      .then(() => {
        state = { kind: 'released' }
        inBackground(comeBack(state))
      })
    state = { kind: 'leaving', done, until: now() + graceMs }
    return done
  }

  async function ask(known: PublicAddress): Promise<void> {
    const { signal } = asking
    const { outcome, by } = await askToSucceed({
      address: known,
      maxMs: graceMs + MARGIN_MS,
      onReply: (reply, leftMs) => {
        const name = reply.kind === 'answered' ? reply.answer.state : reply.reason
        log.info({ reply: name }, 'asked the public address for Telegram')
        if (reply.kind !== 'answered' || reply.answer.state === 'self') return
        awaitsOlderUntil = now() + leftMs
      },
      signal,
      now,
    })
    signal.throwIfAborted()
    if (outcome === 'stand-back') {
      log.warn({}, 'a newer instance has Telegram')
      if (by) heir.is(by)
      return leave()
    }
    if (outcome === 'late') log.warn({}, 'the older instance has not let go of Telegram in time')
    if (outcome === 'nobody') await startLate()
    hold()
  }

  async function startLate(): Promise<void> {
    awaitsOlderUntil = 0
    await sleep(options.startupDelayMs, asking.signal)
  }

  async function comeBack(released: State): Promise<void> {
    if (address === null) return
    const { signal } = closing
    const isOut = (): boolean => state === released
    if (!(await isMissed({ address, everyMs: options.returnAfterMs, isOut, signal }))) return
    if (!isOut() || signal.aborted) return
    log.warn({}, 'the newer instance is gone: this one takes Telegram back')
    hold()
  }

  function inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (closing.signal.aborted || asking.signal.aborted) return
      log.error({ err: error }, 'asking for Telegram has failed')
      if (state.kind === 'asking') hold()
    })
  }

  return {
    start: () => {
      if (address !== null) {
        awaitsOlderUntil = now() + ARRIVES_WITHIN_MS
        inBackground(ask(address))
      } else if (options.startupDelayMs > 0) inBackground(startLate().then(hold))
      else hold()
    },
    answer: async ({ instance: asker, intent, wait }, signal) => {
      const say = (name: HandOverState, withinMs = 0): HandOverAnswer => ({
        instance,
        state: name,
        withinMs,
      })
      if (asker.id === instance.id) return say('self')
      // Who has let go gets it back only where nobody else is: behind the public address.
      if (intent === 'return') return say('stand-back')
      if (state.kind === 'asking' && !isNewer(asker, instance)) return say('stand-back')
      if (state.kind !== 'released') heir.mayBe(asker)
      if (state.kind === 'asking' || state.kind === 'holding') {
        log.info({}, 'another instance asks for Telegram')
        void leave()
      }
      if (state.kind === 'leaving') {
        if (!wait) return say('draining', Math.max(0, state.until - now()))
        await untilAborted(state.done, signal)
      }
      return say(heir.answerTo(asker))
    },
    get awaitsOlder() {
      return state.kind === 'asking' && now() < awaitsOlderUntil
    },
    readiness: () => {
      if (state.kind === 'holding') return { ready: true }
      const reason =
        state.kind === 'asking'
          ? 'waits until an older instance has let go of Telegram'
          : 'has let go of Telegram for another instance'
      return { ready: false, reason, retryAfter: 5 }
    },
    close: async ({ hurry }) => {
      closing.abort(shuttingDown())
      workGate.refuseRequests()
      await leave(hurry)
    },
  }
}
