import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import { DOCS_POLICY } from '../security-headers.ts'

/** In place of Swagger's own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 40" width="190" height="40">
<text x="0" y="27" font-family="system-ui, sans-serif" font-size="21" fill="#fff">TeleStore Worker</text>
</svg>`

/** The document as a page that can call the worker, and as JSON and YAML beside it. */
export const docsRoutes: FastifyPluginAsync = async (app) => {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-cache')
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_POLICY,
    logo: { type: 'image/svg+xml', content: LOGO },
    theme: { title: 'TeleStore Worker: the API' },
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 0, tryItOutEnabled: false },
  })
}
