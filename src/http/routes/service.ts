import type { FastifyPluginAsync } from 'fastify'

const ENDPOINTS = [
  'GET /',
  'GET /health',
  'POST /init-upload',
  'POST /upload-chunk',
  'POST /complete-upload',
  'GET /upload-progress/{uploadId}',
  'GET /upload-status/{uploadId}',
  'POST /cancel-upload',
  'POST /upload',
  'GET /download',
  'POST /tickets',
  'DELETE /tickets',
]

export interface ServiceRoutesOptions {
  /** The page a browser gets at `/`. */
  page: string
}

/** What this service is, and whether it lives. */
export const serviceRoutes: FastifyPluginAsync<ServiceRoutesOptions> = async (app, { page }) => {
  app.get('/', async (request, reply) => {
    reply.header('vary', 'Accept')
    if (/\btext\/html\b/.test(request.headers.accept ?? '')) {
      return reply.type('text/html; charset=utf-8').send(page)
    }
    return {
      status: 'ok',
      service: 'TeleStore Render Upload Service',
      chunk_size: '5MB',
      endpoints: ENDPOINTS,
    }
  })

  app.get('/health', async () => ({ status: 'ok', timestamp: new Date().toISOString() }))

  app.get('/healthz', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok'))
}
