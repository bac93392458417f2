import { backoff } from '../../../lib/waiting/retry.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { isPeerDown } from '../../circuits.ts'
import { ConnectionError, faultOf, floodWait } from '../../errors.ts'
import type { CongestionWindow, Permit } from './congestion-window.ts'
import type { Connection } from './connection.ts'
import type { TlRequest } from './gramjs.ts'

/** How long and how often one request is tried. */
export interface RetryPolicy {
  /** Tries of one request, those that ended in a wait not counted. */
  attempts: number
  /** Milliseconds for one answer; doubles with each try, and grows with a slow line. */
  answerMs: number
  /** Milliseconds for one request in all, waits included. */
  totalMs: number
  /** Milliseconds for which a persistent call waits for a data centre that is down. */
  outageMs: number
  /**
   * The longest of Telegram's waits, in milliseconds, that a call which is not persistent waits for.
   * After a longer one its caller comes back: until then it holds nothing that others want.
   */
  floodMs: number
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attempts: 8,
  answerMs: 20_000,
  totalMs: 1_800_000,
  outageMs: 45_000,
  floodMs: 60_000,
}

const MAX_ANSWER_MS = 300_000
/** A request that takes so many times the usual is lost. */
const SLOWEST_ANSWER = 6

export interface CallOptions {
  signal: AbortSignal
  /** Called with the seconds that Telegram asks to wait. */
  onWait?: ((seconds: number) => void) | undefined
  /** A permit that the caller has acquired for the first try. */
  permit?: Permit
  /** Never sent again once it may have reached Telegram: a lost answer is the caller's matter. */
  once?: boolean
  /** How much the request brings or carries, in parts of 512 KB; 1 by default. */
  parts?: number
  /** Waits for a data centre that is down, and as long as Telegram asks, instead of failing. */
  persistent?: boolean
  /** In place of RetryPolicy.floodMs. */
  floodMs?: number | undefined
}

/** Calls of one account at one data centre: within its congestion window, retried, Telegram's waits obeyed. */
export interface RequestChannel {
  /** Rejects with TELEGRAM_FLOOD_WAIT for a long wait on the method, or with the signal's reason. */
  acquire: (
    method: string,
    options: Pick<CallOptions, 'signal' | 'onWait' | 'persistent' | 'floodMs'>,
  ) => Promise<Permit>
  /**
   * Sends what `build` makes, which is called for each try. `method` names what shares Telegram's
   * waits. Rejects with RpcError, ConnectionError, an AppError, or the signal's reason.
   */
  call: <Answer>(
    method: string,
    build: () => TlRequest<Answer> | Promise<TlRequest<Answer>>,
    options: CallOptions,
  ) => Promise<Answer>
}

export interface RequestChannelOptions {
  congestion: CongestionWindow
  /** Finds or opens the connection to use. */
  pick: (signal: AbortSignal, parts?: number) => Promise<Connection>
  retryPolicy: RetryPolicy
  /** Small calls: they obey waits, but take no slot of the window, which is for parts of files. */
  ordinary?: boolean
  /**
   * Called for each wait that Telegram asks for. `method` is null for a wait that came before any
   * call: it holds for every method.
   */
  onFlood?: ((method: string | null, seconds: number) => void) | undefined
  now?: () => number
}

export function createRequestChannel(options: RequestChannelOptions): RequestChannel {
  const { congestion, pick, retryPolicy, ordinary = false, now = () => performance.now() } = options
  const acquire: RequestChannel['acquire'] = (method, acquireOptions) => {
    const { signal, onWait, persistent = false, floodMs = retryPolicy.floodMs } = acquireOptions
    const waits = { onWait, ...(!persistent && { longestMs: floodMs }) }
    return ordinary
      ? congestion.acquireUnlimited(method, signal, waits)
      : congestion.acquire(method, signal, waits)
  }

  const timeoutFor = (attempt: number): number =>
    Math.min(
      MAX_ANSWER_MS,
      Math.max(retryPolicy.answerMs * 2 ** (attempt - 1), congestion.roundTripMs * SLOWEST_ANSWER),
    )

  /** Milliseconds to wait before the next try; throws when there must be none. */
  function afterFailure(method: string, error: unknown, permit: Permit, state: Tries): number {
    if (isPeerDown(error)) {
      const delay = (error.retryAfter ?? 1) * 1000 + backoff(1, { baseMs: 500 })
      state.outageMs -= delay
      if (state.outageMs < 0) throw error
      return delay
    }
    const fault = faultOf(error)
    const left = state.startedAt + retryPolicy.totalMs - now()
    if (fault.kind === 'wait') {
      // Asked before any call, it holds for every call.
      congestion.flooded(permit, fault.seconds, state.connected ? 'method' : 'every')
      options.onFlood?.(state.connected ? method : null, fault.seconds)
      if (fault.seconds * 1000 > left) throw floodWait(fault.seconds, error)
      return 0
    }
    if (fault.kind !== 'passing') throw error
    if (error instanceof ConnectionError) {
      congestion.failed(permit, error.reason === 'timeout' ? 'timeout' : 'cut')
    }
    const delay = backoff(state.attempt++)
    if (state.attempt > retryPolicy.attempts || delay > left || (state.sent && state.once))
      throw error
    return delay
  }

  return {
    acquire,
    call: async (method, build, callOptions) => {
      const { signal, once = false, persistent = false, parts } = callOptions
      const outageMs = persistent ? retryPolicy.outageMs : 0
      const state: Tries = {
        attempt: 1,
        startedAt: now(),
        connected: false,
        sent: false,
        once,
        outageMs,
      }
      let { permit } = callOptions
      for (;;) {
        permit ??= await acquire(method, callOptions)
        state.connected = false
        let delay: number
        try {
          const connection = await pick(signal, parts)
          state.connected = true
          const request = await build()
          state.sent = true
          const timeoutMs = timeoutFor(state.attempt)
          const answer = await connection.request(request, { signal, timeoutMs, parts })
          if (!ordinary) congestion.succeeded(permit)
          return answer
        } catch (error) {
          signal.throwIfAborted()
          delay = afterFailure(method, error, permit, state)
        } finally {
          permit.release()
        }
        permit = undefined
        await sleep(delay, signal)
      }
    },
  }
}

interface Tries {
  attempt: number
  readonly startedAt: number
  /** Whether this try has a connection. */
  connected: boolean
  /** Whether any try may have reached Telegram. */
  sent: boolean
  readonly once: boolean
  /** How much longer the call may wait for a data centre that is down. */
  outageMs: number
}
