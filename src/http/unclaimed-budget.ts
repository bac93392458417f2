import { AppError } from '../errors.ts'
import { createSemaphore, type Semaphore } from '../lib/semaphore.ts'
import { createTtlCache } from '../lib/ttl-cache.ts'
import { MiB } from '../lib/units.ts'

/** Bytes on disk that no checked token has claimed yet, over all strangers. */
const STRANGERS_BYTES = 64 * MiB
const REQUESTS_PER_STRANGER = 4
/** An address whose tokens were good is trusted with more, for a while. */
const KNOWN_BYTES = 1024 * MiB
const KNOWN_FOR_MS = 3_600_000
const MAX_KNOWN = 10_000
const WAIT_MS = 10_000

/**
 * In a chunk's form the bytes come before the token, so they are taken on credit. This bounds the
 * credit: what does not fit waits unread in its socket, and is refused with BUSY after 10 s.
 */
export interface UnclaimedBudget {
  /** Waits for room for `bytes` from this address; the returned function gives it back. */
  take: (address: string, bytes: number, signal: AbortSignal) => Promise<() => void>
  /** A token from this address was checked and found good. */
  trust: (address: string) => void
}

/** `creditBytes` says how much the disk has for all of them, strangers or not. */
export function createUnclaimedBudget(creditBytes: () => Promise<number>): UnclaimedBudget {
  const strangers = createSemaphore(STRANGERS_BYTES)
  const known = createSemaphore(KNOWN_BYTES)
  const trusted = createTtlCache<true>({ maxEntries: MAX_KNOWN })
  const perAddress = new Map<string, Semaphore>()

  async function takeAsStranger(address: string, bytes: number, signal: AbortSignal) {
    const own = perAddress.get(address) ?? createSemaphore(REQUESTS_PER_STRANGER)
    perAddress.set(address, own)
    const leave = await own.acquire(1, signal)
    const forget = (): void => {
      leave()
      if (own.held === 0 && own.waiting === 0) perAddress.delete(address)
    }
    try {
      const release = await strangers.acquire(bytes, signal)
      return () => {
        release()
        forget()
      }
    } catch (error) {
      forget()
      throw error
    }
  }

  return {
    take: async (address, bytes, signal) => {
      const half = (await creditBytes()) / 2
      strangers.setLimit(Math.min(STRANGERS_BYTES, half))
      known.setLimit(Math.min(KNOWN_BYTES, half))
      const patience = AbortSignal.timeout(WAIT_MS)
      const either = AbortSignal.any([signal, patience])
      try {
        return trusted.get(address)
          ? await known.acquire(bytes, either)
          : await takeAsStranger(address, bytes, either)
      } catch (error) {
        if (!patience.aborted || signal.aborted) throw error
        throw new AppError('BUSY', 'Too many uploads at once; try again in a moment', {
          retryAfter: 5,
          cause: error,
        })
      }
    },
    trust: (address) => trusted.set(address, true, KNOWN_FOR_MS),
  }
}
