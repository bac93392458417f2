import { fileURLToPath } from 'node:url'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { type CachedAnswer, sendCached, withTag } from '../answers/cached-answer.ts'
import { readStaticFiles } from '../answers/static-files.ts'
import { DOCS_POLICY } from '../guards/security-headers.ts'
import type { PublicAddress } from '../public-address.ts'

/** Replaces Swagger's own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 40" width="190" height="40">
<text x="0" y="27" font-family="system-ui, sans-serif" font-size="21" fill="#fff">TeleStore Worker</text>
</svg>`

export const DOCS_PATH = '/docs'

export interface DocsRoutesOptions {
  address: PublicAddress
}

/** From `/docs/json` and `/docs/yaml` to the worker's root, with any prefix of a proxy. */
const ROOT_FROM_HERE = '..'

/** Swagger UI's files, beside its main module. */
const FILES = fileURLToPath(new URL('static/', import.meta.resolve('@fastify/swagger-ui')))

/** The document's two forms. They differ by the worker's address, which a proxy may tell. */
const DOCUMENTS = new Set([`${DOCS_PATH}/json`, `${DOCS_PATH}/yaml`])
const MAX_DOCUMENTS = 16
const DOCUMENT_TTL_MS = 3_600_000

/** The OpenAPI document as a page that can call the worker, and as JSON and YAML. */
export const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (app, { address }) => {
  const files = await readStaticFiles(FILES)
  const documents = createTtlCache<CachedAnswer>({ maxEntries: MAX_DOCUMENTS })
  const keyOf = (request: FastifyRequest): string =>
    `${request.routeOptions.url} ${address.rootOf(request)}`

  /** The answers that the plugin would read or make again for each request. */
  async function findCached(request: FastifyRequest): Promise<CachedAnswer | null> {
    const { routeOptions, params } = request
    if (routeOptions.url === `${DOCS_PATH}/static/*`) return files.find(Object(params)['*'])
    return documents.get(keyOf(request)) ?? null
  }

  app.addHook('onRequest', async (request, reply) => {
    const target = redirectFrom(request.url)
    if (target !== null) return reply.redirect(target)
    const found = await findCached(request)
    if (found !== null) return sendCached(request, reply, found)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('cache-control', 'no-cache')
    const isNew = DOCUMENTS.has(`${request.routeOptions.url}`) && typeof payload === 'string'
    if (!isNew || reply.statusCode !== 200) return payload
    const headers = { 'content-type': String(reply.getHeader('content-type')) }
    const answer = withTag({ headers, body: Buffer.from(payload) })
    documents.set(keyOf(request), answer, DOCUMENT_TTL_MS)
    reply.headers(answer.headers)
    return answer.body
  })
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    // At `/docs` the page would load its files from the root, which a proxy may have below a path.
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

/**
 * Returns a relative target for addresses that the plugin would redirect to the root of the host.
 */
function redirectFrom(url: string): string | null {
  if (url.startsWith(`${DOCS_PATH}/static/index.html`)) return '../'
  // The page takes an address that does not end with a slash for `/docs`.
  return url.startsWith(`${DOCS_PATH}/?`) ? './' : null
}
