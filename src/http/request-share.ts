import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'
import { createKeyCounts } from '../lib/key-counts.ts'
import { addressOf } from './address.ts'
import { opensSocket } from './upgrade.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A health check, which is answered however many requests its address has. */
    isHealthCheck?: boolean
  }
}

/**
 * Requests of one address that are worked on at one time: a quarter of all connections, and more
 * uploads than 512 MB can carry. Behind a proxy that TRUST_PROXY does not name all callers are one
 * address.
 */
const MAX_REQUESTS_PER_ADDRESS = 500
const RETRY_AFTER_S = 5

/**
 * Refuses requests of an address that has its share of them already. Connections have no such share,
 * because a proxy has them all; sockets have places of their own (listener-places.ts).
 */
export function installRequestShare(app: FastifyInstance, max = MAX_REQUESTS_PER_ADDRESS): void {
  const open = createKeyCounts()

  app.addHook('onRequest', async (request, { raw: response }) => {
    if (request.routeOptions.config.isHealthCheck || opensSocket(request.raw)) return
    const address = addressOf(request)
    if (open.of(address) >= max) {
      const sentence = 'Too many requests at once from your address'
      throw new AppError('TOO_MANY_REQUESTS', sentence, { retryAfter: RETRY_AFTER_S })
    }
    // Nothing would take it back of a client that has left.
    if (!response.closed) response.once('close', open.add(address))
  })
}
