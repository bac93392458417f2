import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { addressOf } from './address.ts'

/** Places for those who listen. Each holds a connection and little else, so there are many. */
export interface ListenerPlaces {
  /** Takes one; the returned function gives it back. Throws BUSY when none can be had. */
  take: (request: FastifyRequest) => () => void
}

const MAX = 1_000
/** A house full of people behind one address, and yet nobody who takes them all. */
const MAX_PER_ADDRESS = 250
const RETRY_AFTER_S = 5

/** `what` is for the refusal, such as `sockets`. */
export function createListenerPlaces(what: string): ListenerPlaces {
  const perAddress = new Map<string, number>()
  let taken = 0

  function count(address: string, by: 1 | -1): void {
    taken += by
    const own = (perAddress.get(address) ?? 0) + by
    if (own === 0) perAddress.delete(address)
    else perAddress.set(address, own)
  }

  return {
    take: (request) => {
      const address = addressOf(request)
      if (taken >= MAX || (perAddress.get(address) ?? 0) >= MAX_PER_ADDRESS) {
        throw new AppError('BUSY', `Too many ${what} at once`, { retryAfter: RETRY_AFTER_S })
      }
      count(address, 1)
      let given = false
      return () => {
        if (!given) count(address, -1)
        given = true
      }
    },
  }
}
