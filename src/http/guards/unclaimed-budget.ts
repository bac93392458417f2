import type { Capacity } from '../../core/uploads/capacity.ts'
import { AppError } from '../../errors.ts'
import { createSharesByKey } from '../../lib/concurrency/shares-by-key.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { MiB } from '../../lib/units.ts'
import { type BytePoolLimits, type ByteRequest, createBytePool } from './byte-pool.ts'

/** Bytes on disk that no checked token has claimed yet, over all strangers. */
const STRANGERS_BYTES = 64 * MiB
const REQUESTS_PER_STRANGER = 4
/** An address whose tokens were good is trusted with more, for a while. */
const KNOWN_BYTES = 1024 * MiB
const KNOWN_FOR_MS = 3_600_000
const MAX_KNOWN = 10_000
/** Of a user whose token came first: a hundred chunks of the usual size. */
const USER_BYTES = 512 * MiB

/** The wait is half of the time in which a refusal is out; the other half is for what is still sent. */
const PATIENCE: UnclaimedLimits = { waitMs: 5_000, yieldMs: 2_000, keepMs: 30_000 }

export interface UnclaimedLimits extends BytePoolLimits {
  /** How long a request waits until it is refused. */
  waitMs: number
}

/**
 * In a chunk's form the bytes come before the token, so they are taken on credit. This bounds the
 * credit: what does not fit waits unread in its socket, and is refused with BUSY within 10 s.
 * Before that the address that holds most gives way: what it brings may take hours.
 */
export interface UnclaimedBudget {
  /** Waits for room for these bytes; the returned function gives it back. */
  take: (bringer: ByteRequest) => Promise<() => void>
  /** The same where the token came first: bytes of a user that are on their way to an upload. */
  takeOfUser: (userId: string, bringer: ByteRequest) => Promise<() => void>
  /** A token from this address was checked and found good. */
  trust: (address: string) => void
}

/** `capacity` says how much the disk has for all of them, strangers or not. */
export function createUnclaimedBudget(
  capacity: Pick<Capacity, 'unclaimedBytes' | 'freeBytes'>,
  patience: UnclaimedLimits = PATIENCE,
): UnclaimedBudget {
  const strangers = createBytePool(STRANGERS_BYTES, patience)
  const known = createBytePool(KNOWN_BYTES, patience)
  const trusted = createTtlCache<true>({ maxEntries: MAX_KNOWN })
  const requestsOf = createSharesByKey()
  const bytesOf = createSharesByKey()

  async function takeAsStranger(bringer: ByteRequest): Promise<() => void> {
    const { address, signal } = bringer
    const leave = await requestsOf.take(address, {
      weight: 1,
      limit: REQUESTS_PER_STRANGER,
      signal,
    })
    try {
      const release = await strangers.take(bringer)
      return () => {
        release()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Runs `take` for so long as a request may wait. */
  async function patiently<T>(bringer: ByteRequest, take: (bringer: ByteRequest) => Promise<T>) {
    const waited = new AbortController()
    const timer = setTimeout(() => waited.abort(busy()), patience.waitMs).unref()
    try {
      return await take({ ...bringer, signal: AbortSignal.any([bringer.signal, waited.signal]) })
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    take: async (bringer) => {
      const half = (await capacity.unclaimedBytes()) / 2
      strangers.setLimit(Math.min(STRANGERS_BYTES, half))
      known.setLimit(Math.min(KNOWN_BYTES, half))
      return patiently(bringer, trusted.get(bringer.address) ? known.take : takeAsStranger)
    },
    takeOfUser: async (userId, bringer) => {
      // Most of these bytes have their promise already, and so may take what is promised.
      const limit = Math.min(USER_BYTES, (await capacity.freeBytes()) / 2)
      return patiently(bringer, ({ bytes, signal }) =>
        bytesOf.take(userId, { weight: bytes, limit, signal }),
      )
    },
    trust: (address) => trusted.set(address, true, KNOWN_FOR_MS),
  }
}

/** The request had to make room, or found none. */
export function busy(): AppError {
  return new AppError('BUSY', 'Too many uploads at once; try again in a moment', { retryAfter: 5 })
}
