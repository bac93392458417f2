import type { FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Without it a route takes no token and knows no upload. */
    presents?: Presents
  }
}

/**
 * Where a route finds what a caller shows to be let in. The route's own checks and the throttle read
 * it by `presentedBy` alone, so that neither judges what the other does not.
 */
export interface Presents {
  /**
   * Where a token may stand beside `Authorization`, which wins: as `token` in a query, as
   * `authToken` elsewhere.
   */
  token?: Exclude<Place, 'path'>
  uploadId?: Place
  messageId?: Place
  /** An uploadId that nobody has opens an upload. */
  opensUpload?: boolean
}

type Place = keyof typeof PLACES

/** What a request shows to be let in. */
export interface PresentedCredentials {
  readonly token: string | null
  readonly uploadId: string | null
  readonly messageId: string | null
}

const PLACES = {
  path: ({ params }: FastifyRequest): unknown => params,
  query: ({ query }: FastifyRequest): unknown => query,
  json: ({ body }: FastifyRequest): unknown => body,
  /** As far as it has been read. */
  form: ({ formFields }: FastifyRequest): unknown => formFields,
}

/** What this request shows where its route looks. Of a form: what has come so far. */
export function presentedBy(request: FastifyRequest): PresentedCredentials {
  const presents = presentsOf(request)
  if (!presents) return { token: null, uploadId: null, messageId: null }
  const { token, uploadId, messageId } = presents
  const tokenName = token === 'query' ? 'token' : 'authToken'
  return {
    token: bearerOf(request) ?? textAt(request, token, tokenName),
    uploadId: textAt(request, uploadId, 'uploadId'),
    messageId: textAt(request, messageId, 'messageId'),
  }
}

/** What the request's route looks at, if it looks at anything. */
export function presentsOf(request: FastifyRequest): Presents | undefined {
  return request.routeOptions.config?.presents
}

function bearerOf({ headers }: FastifyRequest): string | null {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
  return bearer ?? null
}

/** An empty text is none. */
function textAt(request: FastifyRequest, place: Place | undefined, name: string): string | null {
  const source = place && PLACES[place](request)
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) return null
  const value: unknown = Reflect.get(source, name)
  return typeof value === 'string' || typeof value === 'number' ? String(value) || null : null
}
