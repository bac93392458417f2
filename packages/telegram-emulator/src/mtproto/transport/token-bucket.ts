import { sleep } from '../../lib/sleep.ts'

export interface TokenBucket {
  readonly limited: boolean
  setRate: (bytesPerSecond: number | null) => void
  /** Resolves when so many bytes may pass. */
  take: (bytes: number, signal: AbortSignal) => Promise<void>
}

/** A fifth of a second's worth may pass at once. */
const BURST_SECONDS = 0.2

/** Limits one direction of a connection; without a rate, everything passes at once. */
export function createTokenBucket(): TokenBucket {
  let rate: number | null = null
  let tokens = 0
  let filledAt = 0

  return {
    get limited() {
      return rate !== null
    },
    setRate: (next) => {
      rate = next
      tokens = (next ?? 0) * BURST_SECONDS
      filledAt = performance.now()
    },
    take: async (bytes, signal) => {
      if (rate === null) return
      const now = performance.now()
      tokens = Math.min(rate * BURST_SECONDS, tokens + ((now - filledAt) / 1000) * rate)
      filledAt = now
      // Going into debt instead of waiting first lets a piece larger than the burst pass as well.
      tokens -= bytes
      if (tokens < 0) await sleep((-tokens / rate) * 1000, signal)
    },
  }
}
