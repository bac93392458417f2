import { createSemaphore } from '../../../lib/concurrency/semaphore.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { floodWait } from '../../errors.ts'

export interface CongestionLimits {
  /** Requests in flight at the start, and at most. */
  start: number
  max: number
  /** Requests in flight for which one connection is enough. */
  perConnection: number
  maxConnections: number
}

/**
 * A line of 8 MB/s and 100 ms holds two parts; four keep it full when answers come unevenly.
 * Official clients have 4 to 8 connections for parts.
 */
export const DEFAULT_CONGESTION_LIMITS: CongestionLimits = {
  start: 8,
  max: 24,
  perConnection: 4,
  maxConnections: 6,
}

/** One request that was let in. */
export interface Permit {
  /** When it was let in, by the window's clock. */
  readonly at: number
  /** What it was let in for. */
  readonly method: string
  /** Gives the place back, once; safe to call again. */
  leave: () => void
}

/** How a caller takes Telegram's waits. */
export interface Waits {
  /** Hears of seconds to wait. */
  onWait?: ((seconds: number) => void) | undefined
  /** Milliseconds above which a wait is not sat out, but told. */
  longestMs?: number
}

/**
 * How many requests one account may have in flight at one data centre, and when none at all.
 *
 * Places are given first come, first served: a job that asks for one place at a time shares
 * them fairly with all others. Telegram's waits are for one method: readers do not stand still
 * because posts must.
 */
export interface CongestionWindow {
  /**
   * Waits for Telegram's waits on the method to end and for a place. Rejects with
   * TELEGRAM_FLOOD_WAIT.
   */
  enter: (method: string, signal: AbortSignal, waits?: Waits) => Promise<Permit>
  /** The same for an ordinary call, which takes no place. */
  pass: (method: string, signal: AbortSignal, waits?: Waits) => Promise<Permit>
  /** An answer came: a little more may be tried. */
  succeeded: (permit: Permit) => void
  /**
   * No answer came: half as much after a silence, three quarters after a cut; once for all that
   * were in flight together.
   */
  failed: (permit: Permit, how: 'timeout' | 'cut') => void
  /**
   * Telegram asked to wait: the permit's method, or with `every` none at all, is let in for so
   * long, and then half as much.
   */
  flooded: (permit: Permit, seconds: number, scope?: 'method' | 'every') => void
  /** How many connections the present window is worth. */
  readonly connections: number
  /** Requests that may be in flight now. */
  readonly window: number
  /** Smoothed milliseconds from being let in to the answer; 0 before the first. */
  readonly roundTripMs: number
  /** Whether the pool can have several connections, or only one. */
  setAddresses: (found: 'several' | 'one') => void
}

/** No method has this name. */
const EVERY_METHOD = '*'

export function createCongestionWindow(
  limits: CongestionLimits,
  now: () => number = () => performance.now(),
): CongestionWindow {
  let window = limits.start
  let connectionLimit = limits.maxConnections
  let careful = false
  let lastSetbackAt = 0
  const closedUntil = new Map<string, number>()
  let roundTripMs = 0
  const places = createSemaphore(window)

  function resize(size: number): void {
    const most = Math.min(limits.max, limits.perConnection * connectionLimit)
    window = Math.max(1, Math.min(size, most))
    places.setLimit(Math.floor(window))
  }

  function setback(at: number, factor: number): void {
    // What was let in before the last setback went out under the old window and says nothing new.
    if (at < lastSetbackAt) return
    lastSetbackAt = now()
    careful = true
    resize(window * factor)
  }

  const leftMs = (method: string): number =>
    Math.max(closedUntil.get(method) ?? 0, closedUntil.get(EVERY_METHOD) ?? 0) - now()

  /** Resolves when Telegram asks for no wait. */
  async function opened(
    method: string,
    signal: AbortSignal,
    { onWait, longestMs }: Waits,
  ): Promise<void> {
    for (let left = leftMs(method); left > 0; left = leftMs(method)) {
      const seconds = Math.ceil(left / 1000)
      onWait?.(seconds)
      if (left > (longestMs ?? left)) throw floodWait(seconds)
      await sleep(left, signal)
    }
  }

  return {
    enter: async (method, signal, waits = {}) => {
      for (;;) {
        await opened(method, signal, waits)
        const leave = await places.acquire(1, signal)
        if (leftMs(method) <= 0) return { at: now(), method, leave }
        leave()
      }
    },
    pass: async (method, signal, waits = {}) => {
      await opened(method, signal, waits)
      return { at: now(), method, leave: () => {} }
    },
    succeeded: ({ at }) => {
      const took = now() - at
      roundTripMs = roundTripMs === 0 ? took : roundTripMs * 0.9 + took * 0.1
      // Until the first setback the window grows by half in each round trip, afterwards by one.
      if (at >= lastSetbackAt) resize(window + (careful ? 1 / window : 0.5))
    },
    failed: ({ at }, how) => setback(at, how === 'timeout' ? 0.5 : 0.75),
    flooded: ({ at, method }, seconds, scope = 'method') => {
      const key = scope === 'every' ? EVERY_METHOD : method
      closedUntil.set(key, Math.max(closedUntil.get(key) ?? 0, now() + seconds * 1000))
      setback(at, 0.5)
    },
    get connections() {
      return Math.min(connectionLimit, Math.ceil(Math.floor(window) / limits.perConnection))
    },
    get window() {
      return Math.floor(window)
    },
    get roundTripMs() {
      return roundTripMs
    },
    setAddresses: (found) => {
      connectionLimit = found === 'one' ? 1 : limits.maxConnections
      resize(window)
    },
  }
}
