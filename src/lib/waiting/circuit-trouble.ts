import type { IBreaker } from 'cockatiel'

export interface CircuitLimits {
  /** Failures in a row, without one answer between them, from which a circuit may open. */
  failures: number
  /** Milliseconds for which the trouble must have lasted by then. */
  lastingMs: number
  /** Milliseconds until the first trial; doubles with each that fails. */
  firstBreakMs: number
  longestBreakMs: number
}

export const DEFAULT_CIRCUIT: CircuitLimits = {
  failures: 3,
  lastingMs: 1_000,
  firstBreakMs: 2_000,
  longestBreakMs: 30_000,
}

export interface Trouble extends IBreaker {
  /** A failure, and since when it shows that the peer was sick. */
  note: (since: number) => void
}

/** Failures in a row; opens once there are enough of them and they have lasted. */
export function createTrouble({ failures, lastingMs }: CircuitLimits, now: () => number): Trouble {
  let inARow = 0
  let since = 0
  let lastAnswerAt = Number.NEGATIVE_INFINITY
  return {
    state: null,
    note: (from) => {
      const start = Math.max(from, lastAnswerAt)
      since = inARow === 0 ? start : Math.min(since, start)
      inARow++
    },
    success: () => {
      inARow = 0
      lastAnswerAt = now()
    },
    failure: () => inARow >= failures && now() - since >= lastingMs,
  }
}
