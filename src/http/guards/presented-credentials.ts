import type { FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Without it a route finds no token and no upload in its requests. */
    presents?: Presents
  }
}

/**
 * Where a route finds the caller's credentials. The route and the throttle read them by
 * `presentedBy` alone, so that both always look at the same ones.
 */
export interface Presents {
  /**
   * Where a token may stand beside `Authorization`, which wins: as `token` in a query, as
   * `authToken` elsewhere.
   */
  token?: Exclude<Source, 'path'>
  uploadId?: Source
  messageId?: Source
  /** The call opens an upload with this id if none has it. */
  opensUpload?: boolean
}

type Source = keyof typeof SOURCES

/** The credentials in a request; null for each that it does not have. */
export interface PresentedCredentials {
  readonly token: string | null
  readonly uploadId: string | null
  readonly messageId: string | null
}

const SOURCES = {
  path: ({ params }: FastifyRequest): unknown => params,
  query: ({ query }: FastifyRequest): unknown => query,
  json: ({ body }: FastifyRequest): unknown => body,
  /** As far as it has been read. */
  form: ({ formFields }: FastifyRequest): unknown => formFields,
}

/**
 * Returns the credentials where the route says they stand; of a form, those that have come so far.
 */
export function presentedBy(request: FastifyRequest): PresentedCredentials {
  const presents = presentsOf(request)
  if (!presents) return { token: null, uploadId: null, messageId: null }
  const { token, uploadId, messageId } = presents
  return {
    token: bearerOf(request) ?? textAt(request, token, tokenFieldOf(presents)),
    uploadId: textAt(request, uploadId, 'uploadId'),
    messageId: textAt(request, messageId, 'messageId'),
  }
}

/** Returns where the request's route looks for credentials, if it does. */
export function presentsOf(request: FastifyRequest): Presents | undefined {
  return request.routeOptions.config?.presents
}

/** Returns the token of a request, from where its route says; null if there is none. */
export function tokenOf(request: FastifyRequest): string | null {
  return presentedBy(request).token
}

/**
 * The same for calls that need a token: throws TOKEN_MISSING, which names the call's own field, if
 * there is none.
 */
export function requireToken(request: FastifyRequest): string {
  const token = tokenOf(request)
  if (token !== null) return token
  const field = tokenFieldOf(presentsOf(request))
  throw new AppError('TOKEN_MISSING', `${field}: is missing`, { details: { field } })
}

function tokenFieldOf(presents: Presents | undefined): string {
  return presents?.token === 'query' ? 'token' : 'authToken'
}

/** `requireToken` with REQUIRE_AUTH=always, else `tokenOf`. */
export type CallerToken = typeof tokenOf

export function createCallerToken(requireAuth: boolean): CallerToken {
  return requireAuth ? requireToken : tokenOf
}

function bearerOf({ headers }: FastifyRequest): string | null {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
  return bearer ?? null
}

/** An empty text is none. */
function textAt(request: FastifyRequest, source: Source | undefined, name: string): string | null {
  const fields = source && SOURCES[source](request)
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, name)) return null
  const value: unknown = Reflect.get(fields, name)
  return typeof value === 'string' || typeof value === 'number' ? String(value) || null : null
}
