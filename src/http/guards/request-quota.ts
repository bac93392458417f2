import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { opensSocket } from '../push/upgrade.ts'
import { addressOf } from './address.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route is a health check: it is answered however many requests the address has. */
    isHealthCheck?: boolean
  }
}

const RETRY_AFTER_S = 5

/**
 * Refuses requests of an address that has `max` of them running. Behind a proxy that TRUST_PROXY
 * does not name all callers are one address. Idle connections are not limited by address, because
 * a proxy has them all; sockets have a limit of their own (connection-quota.ts).
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
    // The response of a client that has left emits no more `close`.
    if (!response.closed) response.once('close', open.add(address))
  })
}
