import { fileURLToPath } from 'node:url'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { type CachedAnswer, sendCached, withTag } from '../answers/cached-answer.ts'
import { readKeptFiles } from '../answers/static-files.ts'
import { DOCS_POLICY } from '../guards/security-headers.ts'
import type { PublicAddress } from '../public-address.ts'

/** In place of Swagger's own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 40" width="190" height="40">
<text x="0" y="27" font-family="system-ui, sans-serif" font-size="21" fill="#fff">TeleStore Worker</text>
</svg>`

export interface DocsRoutesOptions {
  address: PublicAddress
}

/** From `/docs/json` and `/docs/yaml` to the worker's root, whatever a proxy has before both. */
const ROOT_FROM_HERE = '..'

/** Swagger UI's files, beside its main module. */
const FILES = fileURLToPath(new URL('static/', import.meta.resolve('@fastify/swagger-ui')))

/** The document in its forms, which differ by the address that a proxy says the worker has. */
const DOCUMENTS = new Set(['/docs/json', '/docs/yaml'])
const MAX_DOCUMENTS = 16
const DOCUMENT_KEPT_MS = 3_600_000

/** The document as a page that can call the worker, and as JSON and YAML beside it. */
export const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (app, { address }) => {
  const files = await readKeptFiles(FILES)
  const documents = createTtlCache<CachedAnswer>({ maxEntries: MAX_DOCUMENTS })
  const keyOf = (request: FastifyRequest): string =>
    `${request.routeOptions.url} ${address.rootOf(request)}`

  /** What the plugin would read, or make, anew for each request. */
  async function find(request: FastifyRequest): Promise<CachedAnswer | null> {
    const { routeOptions, params } = request
    if (routeOptions.url === '/docs/static/*') return files.find(Object(params)['*'])
    return documents.get(keyOf(request)) ?? null
  }

  app.addHook('onRequest', async (request, reply) => {
    const target = redirectFrom(request.url)
    if (target !== null) return reply.redirect(target)
    const found = await find(request)
    if (found !== null) return sendCached(request, reply, found)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('cache-control', 'no-cache')
    const isNew = DOCUMENTS.has(`${request.routeOptions.url}`) && typeof payload === 'string'
    if (!isNew || reply.statusCode !== 200) return payload
    const headers = { 'content-type': String(reply.getHeader('content-type')) }
    const answer = withTag({ headers, body: Buffer.from(payload) })
    documents.set(keyOf(request), answer, DOCUMENT_KEPT_MS)
    reply.headers(answer.headers)
    return answer.body
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
