import type { FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { addressOf } from './address.ts'

/** Places for those who listen. Each holds a connection and little else, so there are many. */
export interface ConnectionQuota {
  /** Takes one; the returned function gives it back. Throws BUSY when none can be had. */
  take: (request: FastifyRequest) => () => void
}

/** A house full of people behind one address, and yet nobody who takes them all. */
const MAX_PER_ADDRESS = 250
const RETRY_AFTER_S = 5

/** `what` is for the refusal, such as `sockets`. */
export function createConnectionQuota(what: string, max: number): ConnectionQuota {
  const places = createKeyCounts()

  return {
    take: (request) => {
      const address = addressOf(request)
      if (places.total >= max || places.of(address) >= MAX_PER_ADDRESS) {
        throw new AppError('BUSY', `Too many ${what} at once`, { retryAfter: RETRY_AFTER_S })
      }
      return places.add(address)
    },
  }
}
