import type { FastifyPluginAsync } from 'fastify'
import { STREAM_CHUNK_BYTES } from '../../core/model/stream.ts'
import type { DependencyStatus, Probe } from '../../core/ports/health.ts'
import { checkReadiness } from '../../core/runtime/readiness.ts'
import { AppError } from '../../errors.ts'
import { secondsToWait } from '../../lib/retry-after.ts'
import { MiB } from '../../lib/units.ts'
import { prefers } from '../answers/accept.ts'
import { addVary } from '../answers/vary.ts'
import { pagePolicy } from '../guards/security-headers.ts'
import { DOCS_PATH, type Documentation } from '../schemas/openapi/documentation.ts'
import { describeService, health, healthz, readyz } from '../schemas/service.ts'
import type { Page } from './page.ts'

const HEALTH_CHECK = { isHealthCheck: true }

export interface ServiceRoutesOptions {
  /** The page a browser gets at `/`. */
  page: Pick<Page, 'html' | 'tokensBeginWith' | 'hasBackend'>
  /** The most bytes of one file. */
  maxFileBytes: number
  /** The checks of `/readyz`, by the dependency's name. */
  probes: Readonly<Record<string, Probe>>
  /** Whether `/health` is to fail, so that traffic still goes to the older instance. */
  awaitsOlder: () => boolean
  documentation: Pick<Documentation, 'endpoints'>
}

/** Describes the service, and tells whether it is alive and ready. */
export const serviceRoutes: FastifyPluginAsync<ServiceRoutesOptions> = async (app, options) => {
  const { maxFileBytes, probes, documentation } = options
  const { html, tokensBeginWith, hasBackend } = options.page
  const policy = pagePolicy(html)

  app.get('/', { schema: describeService }, async (request, reply) => {
    addVary(reply, 'Accept')
    const { accept } = request.headers
    if (prefers(accept, 'text/html', { to: 'application/json', evenIfEqual: true })) {
      // Otherwise a browser could use a page from before its policy or scripts changed.
      reply.header('cache-control', 'no-cache').header('content-security-policy', policy)
      reply.header('cross-origin-resource-policy', 'same-origin')
      return reply.type('text/html; charset=utf-8').send(html)
    }
    return {
      status: 'ok',
      service: 'TeleStore Render Upload Service',
      chunk_size: `${STREAM_CHUNK_BYTES / MiB}MB`,
      // The document does not list its own address.
      endpoints: [...documentation.endpoints(), `GET ${DOCS_PATH}`],
      max_file_bytes: maxFileBytes,
      ...(hasBackend && { backend_list: true as const }),
      ...(tokensBeginWith !== null && { tokens_begin_with: tokensBeginWith }),
    }
  })

  app.get('/health', { schema: health, config: HEALTH_CHECK }, async () => {
    if (options.awaitsOlder()) {
      const sentence = 'The worker is starting: an older instance lets go of Telegram'
      throw new AppError('BUSY', sentence, { retryAfter: 1 })
    }
    return { status: 'ok', timestamp: new Date().toISOString() }
  })

  app.get('/healthz', { schema: healthz, config: HEALTH_CHECK }, async (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send('ok'),
  )

  app.get('/readyz', { schema: readyz, config: HEALTH_CHECK }, async (_request, reply) => {
    const { ready, dependencies } = await checkReadiness(probes)
    reply.header('cache-control', 'no-store').code(ready ? 200 : 503)
    if (!ready) reply.header('retry-after', retryAfterOf(dependencies))
    return { status: ready ? 'ready' : 'not ready', dependencies }
  })
}

/** Seconds until all of them may be ready. */
function retryAfterOf(dependencies: Record<string, DependencyStatus>): number {
  const waits = Object.values(dependencies).map((each) =>
    each.ready ? 1 : secondsToWait(each.retryAfter),
  )
  return Math.max(...waits)
}
