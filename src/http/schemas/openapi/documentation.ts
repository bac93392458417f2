import { readFile } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod'
import { type ApiDocument, completeDocument, TO_JSON } from './document.ts'
import { TAGS } from './operation.ts'

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

/**
 * Gathers what the routes registered after it say about themselves; `app.swagger()` is the document
 * (OpenAPI 3.1), made when it is asked for. The schemas only describe: what is taken is decided by
 * `parseWire`, with its own sentences, and an answer that is good must never become a 500 because
 * its description is not. The tests hold the answers against it instead.
 */
export async function installDocumentation(app: FastifyInstance): Promise<void> {
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  const describeRoute = createJsonSchemaTransform({ zodToJsonConfig: TO_JSON })
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
    transform: (route) => {
      // @fastify/websocket hides its routes.
      const shown = Reflect.get(route.route, 'websocket') ? { hide: false } : {}
      return describeRoute({ ...route, schema: { ...route.schema, ...shown } })
    },
    transformObject: (given) => {
      const described: ApiDocument = describe(given) as ApiDocument
      return completeDocument(described) as ReturnType<typeof describe>
    },
  })
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../../../package.json', import.meta.url), 'utf8')
  return JSON.parse(text).version
}
