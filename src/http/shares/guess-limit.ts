import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'

const WINDOW_MS = 60_000
const MAX_ADDRESSES = 50_000

export interface GuessLimitOptions {
  /** Wrong guesses of one address in a minute. */
  max: number
  /** Called when a guess is refused unseen. */
  onRefused: () => void
  now?: () => number
}

/**
 * Limits wrong guesses of passwords. A guess is counted before it is looked at, because many may come
 * at once; what was not wrong is taken back. A right guess beyond the limit is refused like a wrong one.
 */
export interface GuessLimit {
  /** Resolves with what `look` does; rejects with TOO_MANY_REQUESTS in its place. */
  guess: <T>(address: string, look: () => Promise<T>) => Promise<T>
}

export function createGuessLimit(options: GuessLimitOptions): GuessLimit {
  const { max, onRefused, now = () => performance.now() } = options
  const windows = createTtlCache<{ guesses: number; endsAt: number }>({
    maxEntries: MAX_ADDRESSES,
    now,
  })

  return {
    guess: async (address, look) => {
      const window = windows.get(address) ?? { guesses: 0, endsAt: now() + WINDOW_MS }
      if (window.guesses >= max) {
        onRefused()
        throw new AppError('TOO_MANY_REQUESTS', 'Too many passwords from your address', {
          retryAfter: Math.ceil((window.endsAt - now()) / 1000),
        })
      }
      if (window.guesses === 0) windows.set(address, window, window.endsAt - now())
      window.guesses++
      try {
        const result = await look()
        window.guesses--
        return result
      } catch (error) {
        const isWrong = error instanceof AppError && error.code === 'SHARE_PASSWORD_WRONG'
        if (!isWrong) window.guesses--
        throw error
      }
    },
  }
}
