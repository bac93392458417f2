import type { FastifyPluginAsync } from 'fastify'
import type { Metrics } from '../../core/ports/metrics.ts'
import { prefers } from '../answers/accept.ts'
import { addVary } from '../answers/vary.ts'
import { showMetrics } from '../schemas/metrics.ts'

export interface MetricsRoutesOptions {
  metrics: Metrics
}

const TEXT_TYPES = ['text/plain', 'application/openmetrics-text']

/** What the worker does, in figures: JSON, or Prometheus' text for who asks for it. */
export const metricsRoutes: FastifyPluginAsync<MetricsRoutesOptions> = async (app, { metrics }) => {
  app.get('/metrics', { schema: showMetrics }, async (request, reply) => {
    addVary(reply, 'Accept')
    reply.header('cache-control', 'no-store')
    if (!wantsText(request.headers.accept)) return metrics.json()
    const { contentType, body } = await metrics.text()
    return reply.type(contentType).send(body)
  })
}

/**
 * Every HTTP library of a browser accepts plain text beside JSON: only who would rather have text,
 * as scrapers say in one of these types, gets it.
 */
function wantsText(accept: string | undefined): boolean {
  return TEXT_TYPES.some((type) =>
    prefers(accept, type, { to: 'application/json', evenIfEqual: false }),
  )
}
