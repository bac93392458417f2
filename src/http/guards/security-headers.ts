import { createHash } from 'node:crypto'
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

/** Half a year; without subdomains, which may not be the operator's. */
const HSTS = 'max-age=15552000'

/** For answers that no browser should show as a page: JSON and plain text. */
const API_POLICY = { useDefaults: false, directives: { defaultSrc: ["'none'"] } }

/** For refusals: no browser should show one as a page, or in one. */
export const REFUSAL_HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

/**
 * Headers for every answer, by @fastify/helmet. A route's own headers win over these; a route says
 * `helmet: {…}` where it needs less (see DOWNLOAD_HEADERS).
 */
export async function installSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      ...API_POLICY,
      directives: { ...API_POLICY.directives, frameAncestors: ["'none'"] },
    },
    // Pages of other origins embed videos and pictures of /download, and read the API.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    xDownloadOptions: false,
    // By the hook below: RFC 6797, section 7.2, forbids it on what did not come by TLS.
    strictTransportSecurity: false,
  })
  app.addHook('onRequest', async (request, reply) => {
    // True behind a proxy as well, when TRUST_PROXY says that its X-Forwarded-Proto counts.
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS)
  })
}

/**
 * For `/download`: other pages frame PDFs and media, and open them in windows of their own. The
 * policy of a file is its own (download-answer.ts). There is none on a 304, because a browser would
 * put it in the place of the stored one.
 */
export const DOWNLOAD_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: false,
  crossOriginOpenerPolicy: false,
  xFrameOptions: false,
}

/**
 * The policy of the page: scripts and styles of this origin, and the inline ones that stand in
 * `html`, by their hashes. Pictures may be made in the page; no page may frame it.
 */
export function pagePolicy(html: string): string {
  const hashes = (tag: 'script' | 'style'): string =>
    [...html.matchAll(new RegExp(`<${tag}\\b[^>]*>([\\s\\S]*?)</${tag}>`, 'gi'))]
      .filter(([, text]) => text)
      .map(([, text = '']) => ` 'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join('')
  return [
    "default-src 'none'",
    `script-src 'self'${hashes('script')}`,
    `style-src 'self'${hashes('style')}`,
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-src 'self' blob:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Two colours of Swagger's own logo, which it draws before it shows ours. */
const LOGO_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/**
 * The policy of `/docs`: the scripts and styles that come with Swagger UI, files of this origin.
 * Its pictures are `data:`; calls that are tried out go to this worker alone.
 */
export const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' ${LOGO_STYLE}`,
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
