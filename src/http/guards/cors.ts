import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { addVary } from '../answers/vary.ts'
import type { PublicAddress } from '../public-address.ts'
import { opensSocket } from '../push/upgrade.ts'

/** Headers of the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload). */
const TUS_REQUEST = [
  'Tus-Resumable',
  'Upload-Checksum',
  'Upload-Concat',
  'Upload-Defer-Length',
  'Upload-Length',
  'Upload-Metadata',
  'Upload-Offset',
]
const TUS_RESPONSE = [
  ...TUS_REQUEST,
  'Tus-Checksum-Algorithm',
  'Tus-Extension',
  'Tus-Max-Size',
  'Tus-Version',
  'Upload-Expires',
]

/**
 * Every preflight allows these, asked for or not, so that one preflight serves a page's other
 * calls.
 */
const ALLOWED = [
  'Authorization',
  'Cache-Control',
  'Content-Type',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Last-Event-ID',
  'Range',
  'Want-Repr-Digest',
  'X-HTTP-Method-Override',
  'X-Request-ID',
  'X-Requested-With',
  ...TUS_REQUEST,
]

const EXPOSED = [
  'Accept-Ranges',
  'Allow',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Location',
  'Repr-Digest',
  'Retry-After',
  ...TUS_RESPONSE,
]

/** Seconds a browser may keep the answer to a preflight; Chromium itself keeps it for two hours. */
const PREFLIGHT_SECONDS = 86_400

/**
 * Lets browsers of these origins call (all of them when the list is empty), never with cookies.
 * Register it before any hook that refuses: a browser hides a refusal that lacks these headers.
 */
export async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: origins.length === 0 ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    allowedHeaders: ALLOWED,
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
    // Otherwise an OPTIONS that is no preflight gets a 400 that is not JSON.
    strictPreflight: false,
  })
  // The plugin knows one list for all, or repeats whatever stands in the request.
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (request.method === 'OPTIONS') answerPreflight(request, reply)
    done()
  })
}

/**
 * Allows a page every header that it asks for: tracing tools add `baggage` or `traceparent` to each
 * call, and one name that is missing here makes the browser refuse the call. They are named one by
 * one, because `*` does not cover `Authorization` (Fetch, section 4.10).
 */
function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
  const asked = headersAskedFor(headers['access-control-request-headers'])
  reply.header('access-control-allow-headers', asked.join(', '))
  addVary(reply, 'Access-Control-Request-Headers')
  // A public page that calls a worker in a private network (Private Network Access, section 3.1.2).
  const mayCall = reply.hasHeader('access-control-allow-origin')
  if (mayCall && headers['access-control-request-private-network'] === 'true') {
    reply.header('access-control-allow-private-network', 'true')
  }
}

/** A header's name (RFC 9110, section 5.1), no longer than any that is in use. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]{1,128}$/
/** A page with all of its tools asks for a dozen. */
const MAX_ASKED = 100

/**
 * Returns the headers that a preflight allows: the fixed ones, and at most 100 that it asks for.
 */
export function headersAskedFor(asked: string | string[] | undefined): string[] {
  const names = new Map(ALLOWED.map((name) => [name.toLowerCase(), name]))
  const wanted = String(asked ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => HEADER_NAME.test(name) && name !== '*' && !names.has(name))
  for (const name of [...new Set(wanted)].slice(0, MAX_ASKED)) names.set(name, name)
  return [...names.values()]
}

/**
 * Refuses sockets from pages of other origins. A browser sends no preflight before it opens a
 * socket, so the server has to check the `Origin` (RFC 6455, section 10.2).
 */
export function installSocketOrigins(
  app: FastifyInstance,
  origins: readonly string[],
  address: PublicAddress,
): void {
  if (origins.length === 0) return
  app.addHook('onRequest', async (request) => {
    const { origin, host } = request.headers
    if (!opensSocket(request.raw) || origin === undefined || origins.includes(origin)) return
    // Our own page. A proxy may have changed the scheme, or the host as well.
    const hosts = [host, URL.parse(address.rootOf(request) ?? '')?.host]
    const asking = URL.parse(origin)?.host
    if (asking !== undefined && hosts.includes(asking)) return
    throw new AppError('FORBIDDEN', 'Pages of this origin may not listen here')
  })
}

/** The same for an answer that leaves before any hook has run. */
export function allowOriginEarly(
  origins: readonly string[],
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { origin } = request.headers
  const allowed = originFor(origins, origin)
  if (origins.length > 0) addVary(reply, 'Origin')
  if (allowed === null) return
  reply.header('access-control-allow-origin', allowed)
  reply.header('access-control-expose-headers', EXPOSED.join(', '))
}

/** Returns `Access-Control-Allow-Origin` for a page of this origin; null if it may not read. */
export function originFor(origins: readonly string[], origin: string | undefined): string | null {
  if (origins.length === 0) return '*'
  return origin !== undefined && origins.includes(origin) ? origin : null
}
