import type { FastifySchema, FastifyServerOptions } from 'fastify'
import { z } from 'zod'
import { type ErrorCode, lineOf } from '../../../errors.ts'
import type { HeaderName } from '../headers.ts'
import { EVERYWHERE, WITH_BODY } from './refusals.ts'

/** The chapters of the document, in their order. */
export const TAGS = {
  Uploads: 'Files in chunks, or small files whole.',
  Progress: 'How far uploads are: by request, as events, or by WebSocket.',
  tus: 'Uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload).',
  Library: 'What is in the channel: folders, files, and a search.',
  Downloads: 'Files from Telegram, and links to them.',
  Shares: 'Links with a page, for people who have no token.',
  Service: 'Health, metrics, and a description of the worker.',
} as const

/** An answer that is no refusal. It has no body if `body` is missing. */
export interface Answer {
  description: string
  /** JSON, or other bodies by their types. */
  body?: z.ZodType | Readonly<Record<string, z.ZodType>>
  headers?: readonly HeaderName[]
}

export interface Operation {
  id: string
  tag: keyof typeof TAGS
  summary: string
  /** Details beyond the summary; Markdown. */
  description?: string
  /**
   * How the caller is known. `field`: `Authorization`, or a field of the body. `link`: or the
   * query. `optional`: as `field`, and deployed clients leave it out.
   */
  auth?: 'bearer' | 'field' | 'link' | 'optional' | 'optional-link'
  /** People open it in a browser, and read its refusals as a page. */
  isLink?: boolean
  params?: z.ZodType
  query?: z.ZodType
  headers?: z.ZodType
  body?: z.ZodType
  /** The type of the body; JSON by default. */
  bodyType?: string
  answers: Readonly<Record<number, Answer>>
  /** Codes of its refusals, besides those of every call. */
  refusals?: readonly ErrorCode[]
  /** Schemas of messages on a socket, by their sender: names of components. */
  messages?: { worker: readonly string[]; client: readonly string[] }
}

interface Auth {
  security: Record<string, []>[]
  says: string
}

const OPTIONAL = 'The `uploadId` is enough, unless the worker runs with `REQUIRE_AUTH=always`: then'

const AUTH: Record<NonNullable<Operation['auth']>, Auth> = {
  bearer: {
    security: [{ bearer: [] }],
    says: 'The call needs a login token in `Authorization`.',
  },
  field: {
    security: [{ bearer: [] }, {}],
    says: 'The call needs a login token in `Authorization` or in the field `authToken`.',
  },
  optional: {
    security: [{ bearer: [] }, {}],
    says: `${OPTIONAL} the call needs a login token.`,
  },
  link: {
    security: [{ bearer: [] }, { link: [] }],
    says: 'The call needs a token in `Authorization` or in the query as `token`.',
  },
  'optional-link': {
    security: [{ bearer: [] }, { link: [] }, {}],
    says: `${OPTIONAL} the call needs a token, in \`Authorization\` or in the query as \`token\`.`,
  },
}

/** `config` of a HEAD route of our own: those that Fastify adds to every GET are left out. */
export const LISTED = { swagger: { exposeHeadRoute: true } }

/** Fields that `completeDocument` turns into the final document, and removes. */
export interface Unfinished {
  'x-refusals': readonly ErrorCode[]
  'x-headers': Readonly<Record<string, readonly HeaderName[]>>
  'x-optional-body': boolean
  'x-link': boolean
}

/**
 * Fastify's option by which schemas only describe. What is taken is decided by `parseWire`, with its
 * own sentences, and an answer that is good must never become a 500 because its description is not.
 * The tests hold the answers against it instead. As an option, because Fastify loads Ajv otherwise;
 * its types ask for Ajv's functions, of which it calls no more than these.
 */
export const DESCRIBE_ONLY = {
  compilersFactory: {
    buildValidator: () => () => () => true,
    buildSerializer: () => () => (answer: unknown) => JSON.stringify(answer),
  },
} as object as NonNullable<FastifyServerOptions['schemaController']>

/** A route's `schema`: it describes the call, and `parseWire` alone decides what is taken. */
export function operation(what: Operation): FastifySchema {
  const { id, answers, body, messages } = what
  const auth = what.auth && AUTH[what.auth]
  const said = [what.description, auth?.says].filter((text) => text !== undefined)
  const refusals = new Set([...EVERYWHERE, ...(body ? WITH_BODY : []), ...(what.refusals ?? [])])
  const headers = Object.entries(answers).map(([status, answer]) => [status, answer.headers ?? []])
  const unfinished: Unfinished = {
    'x-refusals': [...refusals].sort((a, b) => lineOf(a).status - lineOf(b).status),
    'x-headers': Object.fromEntries(headers),
    'x-optional-body': body?._zod.optin === 'optional',
    'x-link': what.isLink ?? what.auth?.endsWith('link') ?? false,
  }
  const described = {
    operationId: id,
    tags: [what.tag],
    summary: what.summary,
    ...(said.length > 0 && { description: said.join('\n\n') }),
    security: auth?.security ?? [],
    ...(what.params && { params: what.params }),
    ...(what.query && { querystring: what.query }),
    ...(what.headers && { headers: what.headers }),
    ...(body && { body, consumes: [what.bodyType ?? 'application/json'] }),
    response: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, toResponse(answer)]),
    ),
    ...(messages && {
      'x-messages': { worker: refs(messages.worker), client: refs(messages.client) },
    }),
  }
  return { ...described, ...unfinished }
}

function toResponse({ description, body }: Answer): unknown {
  if (body === undefined) return z.null().meta({ description })
  const types = body instanceof z.ZodType ? { 'application/json': body } : body
  const content = Object.entries(types).map(([type, schema]) => [type, { schema }])
  return { description, content: Object.fromEntries(content) }
}

function refs(names: readonly string[]): { $ref: string }[] {
  return names.map((name) => ({ $ref: `#/components/schemas/${name}` }))
}
