import { AppError } from '../../errors.ts'
import { createSemaphore, type Semaphore } from '../../lib/concurrency/semaphore.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'

const WINDOW_MS = 60_000
const MAX_ADDRESSES = 50_000

export interface GuessLimitOptions {
  /** Wrong guesses of one address in a minute. */
  max: number
  /** All guesses of one address in a minute: a right one costs as much as a wrong one. */
  maxLooks: number
  /** Called when a guess is refused unseen. */
  onRefused: () => void
  now?: () => number
}

interface Window {
  /** Those that were wrong, and those that are looked at. */
  guesses: number
  looks: number
  endsAt: number
  turn: Semaphore
}

/**
 * Limits wrong guesses of passwords. A guess is counted before it is looked at, because many may come
 * at once; what was not wrong is taken back. A right guess beyond the limit is refused like a wrong one.
 * Guesses of one address are looked at one after another, so that few addresses do not fill the queue
 * that all share.
 */
export interface GuessLimit {
  /** Resolves with what `look` does; rejects with TOO_MANY_REQUESTS in its place. */
  guess: <T>(address: string, look: () => Promise<T>) => Promise<T>
}

export function createGuessLimit(options: GuessLimitOptions): GuessLimit {
  const { max, maxLooks, onRefused, now = () => performance.now() } = options
  const windows = createTtlCache<Window>({ maxEntries: MAX_ADDRESSES, now })

  function windowOf(address: string): Window {
    const known = windows.get(address)
    if (known) return known
    const endsAt = now() + WINDOW_MS
    const opened = { guesses: 0, looks: 0, endsAt, turn: createSemaphore(1) }
    windows.set(address, opened, WINDOW_MS)
    return opened
  }

  return {
    guess: async (address, look) => {
      const window = windowOf(address)
      if (window.guesses >= max || window.looks >= maxLooks) {
        onRefused()
        throw new AppError('TOO_MANY_REQUESTS', 'Too many passwords from your address', {
          retryAfter: Math.ceil((window.endsAt - now()) / 1000),
        })
      }
      window.guesses++
      window.looks++
      const release = await window.turn.acquire(1)
      try {
        const result = await look()
        window.guesses--
        return result
      } catch (error) {
        const isWrong = error instanceof AppError && error.code === 'SHARE_PASSWORD_WRONG'
        if (!isWrong) window.guesses--
        throw error
      } finally {
        release()
      }
    },
  }
}
