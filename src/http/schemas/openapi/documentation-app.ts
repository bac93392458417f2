import { readFile } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { fastify, type RouteOptions } from 'fastify'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod'
import type { CachedAnswer } from '../../answers/cached-answer.ts'
import { type ApiDocument, completeDocument, TO_JSON } from './document.ts'
import { DESCRIBE_ONLY, TAGS } from './operation.ts'

const DESCRIPTION = `
Carries files between a browser and a Telegram channel: chunked uploads in, ranged downloads out.

**An upload:**

1. Choose an \`uploadId\` that others cannot guess, and cut the file into chunks of 5 MB.
2. \`POST /upload-chunk\` with each, in any order, several at once; the first one opens the upload.
3. After a break \`GET /upload-status/{uploadId}\` says which chunks are here.
4. \`POST /complete-upload\` says that all are sent; it answers at once.
5. \`GET /upload-progress/{uploadId}\` (or its event stream, or the socket) until \`completed\`.
6. \`GET /download?messageId=…\` sends the file back; \`POST /tickets\` makes a link to share.

**Who calls:** a token goes in \`Authorization: Bearer\`, in the field \`authToken\`, or for links in
the query. Calls that deployed clients make without one are open to every caller that knows the \`uploadId\`,
unless the worker runs with \`REQUIRE_AUTH=always\`. Another user's upload does not exist: \`404\`.

**Refusals** are JSON with \`error\`, a sentence for a person, and \`code\`, a name for a program.
\`Retry-After\` says when the same call may succeed. A browser that opens a link which does not work
gets the sentence as a page.

MB means 1024 * 1024 bytes everywhere. Fields, headers and calls may be added, never changed.
`.trim()

const OPENAPI = {
  openapi: '3.1.0',
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  components: {
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        description: 'A login token; for downloads also a download token or a ticket.',
      },
      link: {
        type: 'apiKey',
        in: 'query',
        name: 'token',
        description:
          'For links: a `<video>` and an event stream cannot send a header. Others see it, so a ' +
          'ticket is better here than a login token.',
      },
    },
  },
} as const

/** A header of what `render` asks; no caller's request comes here. */
const ROOT_HEADER = 'x-root'

/** Resolves with the answer at a path of Swagger UI's own, from which `root` leads to the worker. */
export type Render = (path: string, root: string) => Promise<CachedAnswer>

export interface DocumentationAppOptions {
  /** As `onRoute` has them: those to describe. */
  routes: readonly RouteOptions[]
  /** Where Swagger UI and the document are. */
  path: string
}

/** Replaces Swagger's own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 190 40" width="190" height="40">
<text x="0" y="27" font-family="system-ui, sans-serif" font-size="21" fill="#fff">TeleStore Worker</text>
</svg>`

/**
 * Opens a second Fastify, which never listens: it has what describes these routes, the plugin that
 * makes the document of it (OpenAPI 3.1), and Swagger UI. This file is loaded when it is needed.
 */
export async function openDocumentationApp({
  routes,
  path,
}: DocumentationAppOptions): Promise<Render> {
  const app = fastify({ exposeHeadRoutes: false, schemaController: DESCRIBE_ONLY })
  const describe = createJsonSchemaTransformObject({ zodToJsonConfig: TO_JSON })
  await app.register(swagger, {
    openapi: {
      ...OPENAPI,
      tags: [...OPENAPI.tags],
      info: {
        title: 'TeleStore Worker',
        version: await ownVersion(),
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
    },
    convertConstToEnum: false,
    transform: createJsonSchemaTransform({ zodToJsonConfig: TO_JSON }),
    transformObject: (given) => {
      const described: ApiDocument = describe(given) as ApiDocument
      return completeDocument(described) as ReturnType<typeof describe>
    },
  })
  for (const { method, url, schema, config } of routes) {
    const described = { schema: { ...schema, hide: false }, ...(config && { config }) }
    app.route({ method, url, ...described, handler })
  }
  await app.register(swaggerUi, {
    routePrefix: path,
    // At `/docs` the page would load its files from the root, which a proxy may have below a path.
    indexPrefix: '.',
    transformSpecification: (document, { headers }) => ({
      ...document,
      servers: [{ url: headers[ROOT_HEADER], description: 'This worker' }],
    }),
    transformSpecificationClone: false,
    logo: { type: 'image/svg+xml', content: LOGO },
    theme: { title: 'TeleStore Worker: the API' },
    uiConfig: { docExpansion: 'list', defaultModelsExpandDepth: 0, tryItOutEnabled: false },
  })
  await app.ready()
  return async (url, root) => {
    const { headers, rawPayload } = await app.inject({ url, headers: { [ROOT_HEADER]: root } })
    return { headers: { 'content-type': String(headers['content-type']) }, body: rawPayload }
  }
}

/** Is never called. */
async function handler(): Promise<void> {}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../../../package.json', import.meta.url), 'utf8')
  return JSON.parse(text).version
}
