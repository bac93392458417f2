import type { FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { addressOf } from './address.ts'

/**
 * Limits connections that stay open to be sent news, in all and for each address. Each costs a
 * socket and little else, so there may be many.
 */
export interface ConnectionQuota {
  /** Counts a connection; the returned function stops counting it. Throws BUSY at the limit. */
  take: (request: FastifyRequest) => () => void
}

/** Many people may sit behind one address; still it must not have all connections. */
const MAX_PER_ADDRESS = 250
const RETRY_AFTER_S = 5

/** `what` names the connections in the refusal, such as `sockets`. */
export function createConnectionQuota(what: string, max: number): ConnectionQuota {
  const open = createKeyCounts()

  return {
    take: (request) => {
      const address = addressOf(request)
      if (open.total >= max || open.of(address) >= MAX_PER_ADDRESS) {
        throw new AppError('BUSY', `Too many ${what} at once`, { retryAfter: RETRY_AFTER_S })
      }
      return open.add(address)
    },
  }
}
