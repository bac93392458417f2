import { isNoRoom, isRetryable, type TeleStoreError } from './error.ts'
import { sleep } from './lib/sleep.ts'
import type { UploadWait } from './uploads/upload-api.ts'

export interface RetryPolicy {
  /** Tries in a row. */
  attempts: number
  signal: AbortSignal
  /** Called with the reason why the next try waits, and with null when it begins. */
  onWait?: ((wait: UploadWait | null) => void) | undefined
}

const BASE_MS = 500
const CAP_MS = 30_000

/**
 * Calls `run` until it succeeds, fails for a reason that no retry cures, or has used up the attempts.
 * Between two tries it waits as long as the answer asked for, else with exponential backoff and
 * jitter. While the browser reports no network, it waits for the network and counts no try; nor does a
 * try count for which the worker has no room.
 */
export async function withRetries<T>(
  run: (attempt: number) => Promise<T>,
  { attempts, signal, onWait }: RetryPolicy,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    await whileOffline(signal, onWait)
    try {
      return await run(attempt)
    } catch (error) {
      signal.throwIfAborted()
      if (!isRetryable(error)) throw error
      if (isOffline()) {
        attempt--
        continue
      }
      const isTry = !isNoRoom(error)
      if (isTry && attempt >= attempts) throw error
      const waitMs = delayMs(error, attempt)
      if (!isTry) attempt--
      const on = error.status === 0 ? 'network' : 'worker'
      onWait?.({ on, seconds: Math.ceil(waitMs / 1000) })
      await sleep(waitMs, signal)
      onWait?.(null)
    }
  }
}

function delayMs({ retryAfter }: TeleStoreError, attempt: number): number {
  const jitter = Math.random()
  // A little more than was asked for, so that not all clients come back in the same moment.
  if (retryAfter !== null) return retryAfter * 1000 + jitter * BASE_MS
  return (0.5 + jitter / 2) * Math.min(CAP_MS, BASE_MS * 2 ** (attempt - 1))
}

interface Browser {
  navigator?: { onLine?: boolean }
  addEventListener?: (name: 'online', listener: () => void) => void
  removeEventListener?: (name: 'online', listener: () => void) => void
}

const browser = globalThis as Browser
/** Not every browser fires `online`, so the flag is polled as well. */
const POLL_EVERY_MS = 2000

function isOffline(): boolean {
  return browser.navigator?.onLine === false
}

async function whileOffline(signal: AbortSignal, onWait: RetryPolicy['onWait']): Promise<void> {
  signal.throwIfAborted()
  if (!isOffline()) return
  onWait?.({ on: 'network', seconds: null })
  while (isOffline()) await eventOrSleep(signal)
  onWait?.(null)
}

async function eventOrSleep(signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const stop = (): void => over.abort()
  browser.addEventListener?.('online', stop)
  try {
    await sleep(POLL_EVERY_MS, AbortSignal.any([signal, over.signal]))
  } catch {
    signal.throwIfAborted()
  } finally {
    browser.removeEventListener?.('online', stop)
  }
}
