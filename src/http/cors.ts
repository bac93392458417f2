import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

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
