import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { opensSocket } from '../push/upgrade.ts'
import { addressOf } from './address.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A health check, which is answered however many requests its address has. */
    isHealthCheck?: boolean
  }
}

const RETRY_AFTER_S = 5

/**
 * Refuses requests of an address that has `max` of them already. Behind a proxy that TRUST_PROXY does
 * not name all callers are one address. Connections have no such share,
 * because a proxy has them all; sockets have places of their own (listener-places.ts).
 */
export function installRequestQuota(app: FastifyInstance, max: number): void {
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
