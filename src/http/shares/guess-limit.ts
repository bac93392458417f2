import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'

const WINDOW_MS = 60_000
const MAX_ADDRESSES = 50_000

/**
 * Limits guesses of passwords. A guess is counted before it is looked at, because many may come at
 * once, and a right one is taken back: a right guess beyond the limit is refused like a wrong one.
 */
export interface GuessLimit {
  /** Counts a guess from an address; throws TOO_MANY_REQUESTS. The returned call takes it back. */
  take: (address: string) => () => void
}

export function createGuessLimit(max: number, now = () => performance.now()): GuessLimit {
  const windows = createTtlCache<{ guesses: number; endsAt: number }>({
    maxEntries: MAX_ADDRESSES,
    now,
  })

  return {
    take: (address) => {
      const window = windows.get(address) ?? { guesses: 0, endsAt: now() + WINDOW_MS }
      if (window.guesses >= max) {
        throw new AppError('TOO_MANY_REQUESTS', 'Too many passwords from your address', {
          retryAfter: Math.ceil((window.endsAt - now()) / 1000),
        })
      }
      if (window.guesses === 0) windows.set(address, window, window.endsAt - now())
      window.guesses++
      return () => {
        window.guesses--
      }
    },
  }
}
