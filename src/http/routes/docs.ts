import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import type { PublicAddress } from '../public-address.ts'
import { DOCS_POLICY } from '../security-headers.ts'

/** In place of Swagger's own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 40" width="190" height="40">
<text x="0" y="27" font-family="system-ui, sans-serif" font-size="21" fill="#fff">TeleStore Worker</text>
</svg>`

export interface DocsRoutesOptions {
  address: PublicAddress
}

/** From `/docs/json` and `/docs/yaml` to the worker's root, whatever a proxy has before both. */
const ROOT_FROM_HERE = '..'

/** The document as a page that can call the worker, and as JSON and YAML beside it. */
export const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (app, { address }) => {
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-cache')
  })
  app.addHook('onRequest', async ({ url }, reply) => {
    const target = redirectFrom(url)
    if (target !== null) return reply.redirect(target)
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Its page at `/docs` would name its files from the root, which a proxy may have below a path.
    indexPrefix: '.',
    staticCSP: DOCS_POLICY,
    transformSpecification: (document, request) => ({
      ...document,
      servers: [{ url: address.rootOf(request) ?? ROOT_FROM_HERE, description: 'This worker' }],
    }),
    transformSpecificationClone: false,
    logo: { type: 'image/svg+xml', content: LOGO },
    theme: { title: 'TeleStore Worker: the API' },
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 0, tryItOutEnabled: false },
  })
}

/** Where the plugin's own redirect, and its page's links, would lead elsewhere below a path. */
function redirectFrom(url: string): string | null {
  if (url.startsWith('/docs/static/index.html')) return '../'
  // The page takes an address that does not end with a slash for `/docs`.
  return url.startsWith('/docs/?') ? './' : null
}
