import { sleep } from './sleep.ts'

export interface RetryOptions {
  /** How often `run` may be called in all. */
  attempts: number
  /** Milliseconds to wait before the next attempt, or null when there must be none. */
  delayFor: (error: unknown, attempt: number) => number | null
  /** Whether a failure uses up an attempt; every one does unless this says otherwise. */
  counts?: (error: unknown) => boolean
  signal?: AbortSignal | undefined
}

/** Calls `run` until it succeeds, `delayFor` says no, or the attempts are used up; rejects with the last error. */
export async function retry<T>(
  run: (attempt: number) => Promise<T>,
  { attempts, delayFor, counts = () => true, signal }: RetryOptions,
): Promise<T> {
  for (let attempt = 1; ; ) {
    signal?.throwIfAborted()
    try {
      return await run(attempt)
    } catch (error) {
      signal?.throwIfAborted()
      const counted = counts(error)
      const delay = attempt < attempts || !counted ? delayFor(error, attempt) : null
      if (delay === null) throw error
      if (counted) attempt++
      await sleep(delay, signal)
    }
  }
}

/** Exponential back-off with full jitter, in milliseconds: 0 to min(cap, base * 2^(attempt-1)). */
export function backoff(attempt: number, { baseMs = 250, capMs = 30_000 } = {}): number {
  return Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
}
