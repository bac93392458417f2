import type { Capacity } from '../../core/uploads/capacity.ts'
import { AppError } from '../../errors.ts'
import { createSharesByKey } from '../../lib/concurrency/shares-by-key.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { MiB } from '../../lib/units.ts'
import { type BytePoolLimits, type ByteRequest, createBytePool } from './byte-pool.ts'

/** Bytes that no checked token has claimed yet, of all strangers together. */
const STRANGERS_BYTES = 64 * MiB
const REQUESTS_PER_STRANGER = 4
/** An address that has sent a good token is trusted with more, for a while. */
const KNOWN_BYTES = 1024 * MiB
const KNOWN_FOR_MS = 3_600_000
const MAX_KNOWN = 10_000
/** Of a user that sent the token before the bytes: a hundred chunks of the usual size. */
const USER_BYTES = 512 * MiB

/** A refusal is to be out within 10 s: half of that to wait, half to read what is still sent. */
const LIMITS: UnclaimedLimits = { waitMs: 5_000, evictAfterMs: 2_000, protectedMs: 30_000 }

export interface UnclaimedLimits extends BytePoolLimits {
  /** How long a request waits until it is refused. */
  waitMs: number
}

/**
 * In a chunk's form the bytes may come before the token, so the worker takes bytes that belong to
 * no user yet. This limits them: a request that does not fit waits unread in its socket, and is
 * refused with BUSY within 10 s. Before that a request of the address that holds most is evicted,
 * because a slow sender could hold its bytes for hours.
 */
export interface UnclaimedBudget {
  /** Resolves when these bytes fit; the returned function releases them. Rejects with BUSY. */
  take: (request: ByteRequest) => Promise<() => void>
  /** The same for bytes of a known user, that sent the token first. */
  takeOfUser: (userId: string, request: ByteRequest) => Promise<() => void>
  /** Called when a token from this address has been found good. */
  trust: (address: string) => void
}

/** `capacity` tells how many bytes the disk has left for all of them. */
export function createUnclaimedBudget(
  capacity: Pick<Capacity, 'unclaimedBytes' | 'freeBytes'>,
  limits: UnclaimedLimits = LIMITS,
): UnclaimedBudget {
  const strangers = createBytePool(STRANGERS_BYTES, limits)
  const known = createBytePool(KNOWN_BYTES, limits)
  const trusted = createTtlCache<true>({ maxEntries: MAX_KNOWN })
  const requestsOf = createSharesByKey()
  const bytesOf = createSharesByKey()

  async function takeAsStranger(request: ByteRequest): Promise<() => void> {
    const { address, signal } = request
    const leave = await requestsOf.take(address, {
      weight: 1,
      limit: REQUESTS_PER_STRANGER,
      signal,
    })
    try {
      const release = await strangers.take(request)
      return () => {
        release()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Runs `take` for as long as a request may wait, then ends it with BUSY. */
  async function withinWait<T>(request: ByteRequest, take: (request: ByteRequest) => Promise<T>) {
    const waited = new AbortController()
    const timer = setTimeout(() => waited.abort(busy()), limits.waitMs).unref()
    try {
      return await take({ ...request, signal: AbortSignal.any([request.signal, waited.signal]) })
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    take: async (request) => {
      const half = (await capacity.unclaimedBytes()) / 2
      strangers.setLimit(Math.min(STRANGERS_BYTES, half))
      known.setLimit(Math.min(KNOWN_BYTES, half))
      return withinWait(request, trusted.get(request.address) ? known.take : takeAsStranger)
    },
    takeOfUser: async (userId, request) => {
      // Most of these bytes are reserved for their upload already, so reserved bytes count as free.
      const limit = Math.min(USER_BYTES, (await capacity.freeBytes()) / 2)
      return withinWait(request, ({ bytes, signal }) =>
        bytesOf.take(userId, { weight: bytes, limit, signal }),
      )
    },
    trust: (address) => trusted.set(address, true, KNOWN_FOR_MS),
  }
}

/** For a request that does not fit, or was evicted. */
export function busy(): AppError {
  return new AppError('BUSY', 'Too many uploads at once; try again in a moment', { retryAfter: 5 })
}
