import type { FastifyPluginAsync } from 'fastify'
import type { Metrics } from '../../core/ports/metrics.ts'
import { prefers } from '../answers/accept.ts'
import { addVary } from '../answers/vary.ts'
import { showMetrics } from '../schemas/metrics.ts'

export interface MetricsRoutesOptions {
  metrics: Metrics
}

const TEXT_TYPES = ['text/plain', 'application/openmetrics-text']

/** The worker's metrics as JSON, or as Prometheus' text if the caller prefers it. */
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
 * HTTP libraries of browsers accept plain text as well as JSON. So text is sent only if the caller
 * prefers it to JSON, as scrapers do with one of these types.
 */
function wantsText(accept: string | undefined): boolean {
  return TEXT_TYPES.some((type) =>
    prefers(accept, type, { to: 'application/json', evenIfEqual: false }),
  )
}
