import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { opensSocket } from './upgrade.ts'

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
  'X-HTTP-Method-Override',
  'X-Request-ID',
  'X-Requested-With',
  ...TUS_REQUEST,
]

const EXPOSED = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Location',
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
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'],
    allowedHeaders: ALLOWED,
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
    // Otherwise an OPTIONS that is no preflight gets a 400 that is not JSON.
    strictPreflight: false,
  })
}

/**
 * Keeps out sockets from pages of other origins: browsers ask nobody before they open one, so its
 * `Origin` is the server's to judge (RFC 6455, section 10.2).
 */
export function installSocketOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return
  app.addHook('onRequest', async ({ raw }) => {
    const { origin, host } = raw.headers
    if (!opensSocket(raw) || origin === undefined || origins.includes(origin)) return
    // Our own page. A proxy may have changed the scheme, so only the host tells.
    if (URL.parse(origin)?.host === host) return
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
  if (origins.length === 0) reply.header('access-control-allow-origin', '*')
  else if (origin !== undefined && origins.includes(origin)) {
    reply.header('access-control-allow-origin', origin).header('vary', 'Origin')
  }
}
