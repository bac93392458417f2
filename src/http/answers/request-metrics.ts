import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../core/ports/metrics.ts'

/** Methods with a label of their own; all others share one, because callers can make up any. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'])

/** Counts every answer, and tells each caller how long it took (W3C Server Timing). */
export function installRequestMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('server-timing', `total;dur=${reply.elapsedTime.toFixed(1)}`)
  })
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered({
      method: METHODS.has(request.method) ? request.method : 'other',
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    })
  })
}
