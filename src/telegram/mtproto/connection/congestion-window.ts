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
 * A line of 8 MB/s and 100 ms holds two parts of 512 KB; three keep it full when answers come
 * unevenly. Official clients have 4 to 8 connections for parts.
 */
export const DEFAULT_CONGESTION_LIMITS: CongestionLimits = {
  start: 8,
  max: 24,
  perConnection: 3,
  maxConnections: 8,
}

/** The right to send one request. */
export interface Permit {
  /** When it was acquired, by the window's clock. */
  readonly at: number
  /** The method that it was acquired for. */
  readonly method: string
  /** Gives the slot back, once; safe to call again. */
  release: () => void
}

/** What a caller does about Telegram's waits. */
export interface Waits {
  /** Called with the seconds to wait. */
  onWait?: ((seconds: number) => void) | undefined
  /** The longest wait, in milliseconds, after which to send; a longer one rejects. */
  longestMs?: number
}

/**
 * How many requests one account may have in flight at one data centre, and when none at all.
 *
 * Slots are given first come, first served: a job that acquires one at a time shares them fairly
 * with all others. Telegram's waits are for one method: readers go on while posts wait.
 */
export interface CongestionWindow {
  /**
   * Resolves when Telegram asks for no wait on the method and a slot is free. Rejects with
   * TELEGRAM_FLOOD_WAIT for a longer wait than `waits` allows, or with the signal's reason.
   */
  acquire: (method: string, signal: AbortSignal, waits?: Waits) => Promise<Permit>
  /** The same for an ordinary call, which takes no slot. */
  acquireUnlimited: (method: string, signal: AbortSignal, waits?: Waits) => Promise<Permit>
  /** An answer came: the window grows. */
  succeeded: (permit: Permit) => void
  /**
   * No answer came: the window shrinks to half after a timeout, to three quarters after a cut
   * connection; once for all requests that were in flight together.
   */
  failed: (permit: Permit, how: 'timeout' | 'cut') => void
  /**
   * Telegram asked to wait: the permit's method, with `every` each method, gets no permits for so
   * long, and the window shrinks to half.
   */
  flooded: (permit: Permit, seconds: number, scope?: 'method' | 'every') => void
  /** How many connections the present window needs. */
  readonly connections: number
  /** Requests that may be in flight now. */
  readonly window: number
  /** Smoothed milliseconds from a permit to its answer; 0 before the first. */
  readonly roundTripMs: number
  /** Whether the data centre has addresses for several connections, or for only one. */
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
  const slots = createSemaphore(window)

  function resize(size: number): void {
    const most = Math.min(limits.max, limits.perConnection * connectionLimit)
    window = Math.max(1, Math.min(size, most))
    slots.setLimit(Math.floor(window))
  }

  function setback(at: number, factor: number): void {
    // A permit from before the last setback belongs to the old window and says nothing new.
    if (at < lastSetbackAt) return
    lastSetbackAt = now()
    careful = true
    resize(window * factor)
  }

  const leftMs = (method: string): number =>
    Math.max(closedUntil.get(method) ?? 0, closedUntil.get(EVERY_METHOD) ?? 0) - now()

  /** Resolves when Telegram asks for no wait. */
  async function waitsOver(
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
    acquire: async (method, signal, waits = {}) => {
      for (;;) {
        await waitsOver(method, signal, waits)
        const release = await slots.acquire(1, signal)
        if (leftMs(method) <= 0) return { at: now(), method, release }
        release()
      }
    },
    acquireUnlimited: async (method, signal, waits = {}) => {
      await waitsOver(method, signal, waits)
      return { at: now(), method, release: () => {} }
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
