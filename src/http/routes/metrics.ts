import type { FastifyPluginAsync } from 'fastify'
import type { Metrics } from '../../core/ports/metrics.ts'
import { showMetrics } from '../wire/service.ts'

export interface MetricsRoutesOptions {
  metrics: Metrics
}

/** What the worker does, in figures: JSON, or Prometheus' text for who asks for it. */
export const metricsRoutes: FastifyPluginAsync<MetricsRoutesOptions> = async (app, { metrics }) => {
  app.get('/metrics', { schema: showMetrics }, async (request, reply) => {
    reply.header('vary', 'Accept').header('cache-control', 'no-store')
    if (!wantsText(request.headers.accept ?? '')) return metrics.json()
    const { contentType, body } = await metrics.text()
    return reply.type(contentType).send(body)
  })
}

function wantsText(accept: string): boolean {
  return /\b(text\/plain|application\/openmetrics-text)\b/.test(accept)
}
