import { shuttingDown } from '../../errors.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type {
  HandOverAnswer,
  HandOverRequest,
  Instance,
  PublicAddress,
  Question,
  Reply,
} from '../ports/deployment.ts'
import type { Probe } from '../ports/health.ts'
import type { Log } from '../ports/log.ts'
import type { TelegramGate } from '../ports/telegram.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { Release } from './release.ts'
import {
  advanceLease,
  initialLease,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseSettings,
  olderServes,
} from './telegram-lease.ts'

export interface LeaseDriverOptions {
  instance: Instance
  /** Null where there is no public address, or no secret to be known by. */
  address: PublicAddress | null
  gate: Pick<TelegramGate, 'open'>
  workGate: WorkGate
  release: Release
  /** Called whenever this instance has acquired Telegram: jobs go on. */
  onHeld: () => void
  /** Milliseconds within which `release` is done. */
  graceMs: number
  /** Milliseconds to wait where no instance could be asked. */
  startupDelayMs: number
  /** Milliseconds after which an instance that has released, and was never stopped, asks for more. */
  returnAfterMs?: number | undefined
  log: Log
  /** Milliseconds that only ever go forward. */
  now?: () => number
}

/** Says whether Telegram is this instance's: of all instances of a deployment, one holds it. */
export interface TelegramLease {
  /** Begins to ask for it. Where no instance can be asked and there is no delay, holds it at once. */
  start: () => void
  /** Answers another instance, or this one. Rejects with the signal's reason. */
  answer: (request: HandOverRequest, signal: AbortSignal) => Promise<HandOverAnswer>
  /** Whether traffic had better go to the older instance still. */
  readonly awaitsOlder: boolean
  readiness: Probe
  /** Refuses requests and releases for good; resolves when disconnected. `hurry`: as Release's. */
  close: (options: { hurry: boolean }) => Promise<void>
}

/** A deploy that succeeds has stopped the older instance by then. */
const RETURN_AFTER_MS = 180_000

/** Does what `telegram-lease.ts` decides: asks, waits, connects, disconnects and answers. */
export function createTelegramLease(options: LeaseDriverOptions): TelegramLease {
  const { instance, address, gate, workGate, log } = options
  const { now = () => performance.now() } = options
  const settings: LeaseSettings = {
    instance,
    hasAddress: address !== null,
    graceMs: options.graceMs,
    startupDelayMs: options.startupDelayMs,
    returnAfterMs: options.returnAfterMs ?? RETURN_AFTER_MS,
  }
  let state = initialLease(settings)
  /** Ends the question or the wait that is under way. */
  let asking = new AbortController()
  let disconnected: Promise<void> = Promise.resolve()

  /** Answers an `asked` event; for every other event there is nothing to return. */
  function dispatch(event: LeaseEvent): Extract<LeaseEffect, { type: `answer${string}` }> | null {
    const advanced = advanceLease(settings, state, event)
    state = advanced.state
    let answer: Extract<LeaseEffect, { type: `answer${string}` }> | null = null
    for (const effect of advanced.effects) {
      if (effect.type === 'answer' || effect.type === 'answer-later') answer = effect
      else run(effect)
    }
    return answer
  }

  function run(effect: Exclude<LeaseEffect, { type: `answer${string}` }>): void {
    switch (effect.type) {
      case 'connect':
        workGate.resume()
        gate.open()
        options.onHeld()
        break
      case 'disconnect':
        disconnected = disconnect(effect.hurry)
        break
      case 'ask':
        inBackground((signal) => askOnce(effect, signal))
        break
      case 'wait':
        inBackground(async (signal) => {
          await sleep(effect.ms, signal)
          dispatch({ type: 'waited', now: now() })
        })
        break
      case 'stop-asking':
        asking.abort(shuttingDown())
        asking = new AbortController()
        break
      case 'log':
        log[effect.level](effect.reply === undefined ? {} : { reply: effect.reply }, effect.message)
    }
  }

  async function disconnect(hurry: boolean): Promise<void> {
    await options
      .release({ hurry })
      .catch((error: unknown) => log.error({ err: error }, 'letting go of Telegram has failed'))
    dispatch({ type: 'disconnected', now: now() })
  }

  async function askOnce(
    { question, withinMs }: { question: Question; withinMs: number | null },
    signal: AbortSignal,
  ): Promise<void> {
    if (address === null) return
    const reply = await askWithin(address, question, withinMs, signal)
    signal.throwIfAborted()
    dispatch({ type: 'replied', reply, now: now() })
  }

  function inBackground(work: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = asking
    work(signal).catch((error: unknown) => {
      if (signal.aborted) return
      log.error({ err: error }, 'asking for Telegram has failed')
      dispatch({ type: 'ask-failed', now: now() })
    })
  }

  return {
    start: () => void dispatch({ type: 'started', now: now() }),
    answer: async ({ instance: by, ...question }, signal) => {
      const ask = () => dispatch({ type: 'asked', by, question, now: now() })
      let answer = ask()
      if (answer?.type === 'answer-later') {
        await untilAborted(disconnected, signal)
        answer = ask()
      }
      if (answer?.type !== 'answer') throw new Error('a lease that has been released answers')
      return { instance, state: answer.state, withinMs: answer.withinMs }
    },
    get awaitsOlder() {
      return olderServes(state, now())
    },
    readiness: () => {
      if (state.kind === 'held') return { ready: true }
      const reason =
        state.kind === 'acquiring'
          ? 'waits until an older instance has let go of Telegram'
          : 'has let go of Telegram for another instance'
      return { ready: false, reason, retryAfter: 5 }
    },
    close: async ({ hurry }) => {
      workGate.refuseRequests()
      dispatch({ type: 'closed', hurry, now: now() })
      await disconnected
    },
  }
}

/** The reply; an unclear one when there is none in time. Rejects with the signal's reason. */
async function askWithin(
  address: PublicAddress,
  question: Question,
  withinMs: number | null,
  signal: AbortSignal,
): Promise<Reply> {
  if (withinMs === null) return address.ask(question, signal)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), withinMs)
  try {
    return await address.ask(question, AbortSignal.any([signal, late.signal]))
  } catch (error) {
    signal.throwIfAborted()
    if (!late.signal.aborted) throw error
    return { kind: 'unclear', reason: 'no answer in time' }
  } finally {
    clearTimeout(timer)
  }
}
