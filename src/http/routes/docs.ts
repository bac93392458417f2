import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { type CachedAnswer, sendCached, withTag } from '../answers/cached-answer.ts'
import { readStaticFiles } from '../answers/static-files.ts'
import { DOCS_POLICY } from '../guards/security-headers.ts'
import type { PublicAddress } from '../public-address.ts'
import { DOCS_PATH, type Documentation } from '../schemas/openapi/documentation.ts'

export interface DocsRoutesOptions {
  documentation: Pick<Documentation, 'render'>
  address: PublicAddress
}

/** What Swagger UI answers itself. The document differs by the worker's address, which a proxy may tell. */
const RENDERED = ['', '/', '/json', '/yaml', '/static/swagger-initializer.js']
const MAX_RENDERED = 16
const RENDERED_TTL_MS = 3_600_000

/** From `/docs/json` and `/docs/yaml` to the worker's root, with any prefix of a proxy. */
const ROOT_FROM_HERE = '..'

/** Swagger UI's files, beside its main module. */
const FILES = fileURLToPath(new URL('static/', import.meta.resolve('@fastify/swagger-ui')))

const HIDDEN = { schema: { hide: true } }

/** The OpenAPI document as a page that can call the worker, and as JSON and YAML. */
export const docsRoutes: FastifyPluginAsync<DocsRoutesOptions> = async (app, options) => {
  const { documentation, address } = options
  const files = await readStaticFiles(FILES)
  const rendered = createTtlCache<CachedAnswer>({ maxEntries: MAX_RENDERED })

  /** Callers that come while it is made share it: a document takes a megabyte or two. */
  function render({ path, root }: { path: string; root: string }): Promise<CachedAnswer> {
    return rendered.load(
      `${path} ${root}`,
      async () => withTag(await documentation.render(path, root)),
      () => RENDERED_TTL_MS,
    )
  }

  app.addHook('onRequest', async (request, reply) => {
    const target = redirectFrom(request.url)
    if (target !== null) return reply.redirect(target)
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-cache', 'content-security-policy': DOCS_POLICY })
  })
  for (const path of RENDERED.map((each) => `${DOCS_PATH}${each}`)) {
    app.get(path, HIDDEN, async (request, reply) => {
      const root = address.rootOf(request) ?? ROOT_FROM_HERE
      return sendCached(request, reply, await render({ path, root }))
    })
  }
  app.get(`${DOCS_PATH}/static/*`, HIDDEN, async (request: FastifyRequest, reply) => {
    const found = await files.find(Object(request.params)['*'])
    if (found === null) throw new AppError('NOT_FOUND', 'There is nothing here')
    return sendCached(request, reply, found)
  })
}

/** Returns a relative target for the addresses of the page that it does not have. */
function redirectFrom(url: string): string | null {
  if (url.startsWith(`${DOCS_PATH}/static/index.html`)) return '../'
  // The page takes an address that does not end with a slash for `/docs`.
  return url.startsWith(`${DOCS_PATH}/?`) ? './' : null
}
