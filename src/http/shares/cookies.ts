import type { FastifyReply, FastifyRequest } from 'fastify'
import { newVisit, VISIT_MS, visitHash } from '../../core/model/share-format.ts'
import type { ShareVisitor } from '../../core/shares/share-door.ts'

const VISIT = 'share_visit'
const PASS = 'share_pass'

/** Cookies of one share: no other share gets them, and neither does the rest of the worker. */
export interface ShareCookies {
  visitorOf: (request: FastifyRequest) => ShareVisitor
  /** Begins a visit, where none goes on. */
  beginVisit: (request: FastifyRequest, reply: FastifyReply, share: string) => void
  /** Keeps the pass until it ends. */
  keepPass: (
    request: FastifyRequest,
    reply: FastifyReply,
    pass: { share: string; value: string; maxAgeMs: number },
  ) => void
}

/** `prefixOf` returns the path under which callers reach the worker's root; mostly it is empty. */
export function createShareCookies(prefixOf: (request: FastifyRequest) => string): ShareCookies {
  function set(
    request: FastifyRequest,
    reply: FastifyReply,
    { name, value, share, maxAgeMs, sameSite }: NewCookie,
  ): void {
    const attributes = [
      `${name}=${value}`,
      `Path=${prefixOf(request)}/s/${share}`,
      `Max-Age=${Math.floor(maxAgeMs / 1000)}`,
      'HttpOnly',
      `SameSite=${sameSite}`,
      ...(request.protocol === 'https' ? ['Secure'] : []),
    ]
    // Fastify keeps those that were set before.
    reply.header('set-cookie', attributes.join('; '))
  }

  return {
    visitorOf: ({ headers }) => ({
      visit: readCookie(headers.cookie, VISIT),
      pass: readCookie(headers.cookie, PASS),
    }),
    beginVisit: (request, reply, share) => {
      if (visitHash(readCookie(request.headers.cookie, VISIT)) !== null) return
      // Lax: a link in a mail leads to the same visit again.
      const cookie = { name: VISIT, value: newVisit(), share, maxAgeMs: VISIT_MS }
      set(request, reply, { ...cookie, sameSite: 'Lax' })
    },
    keepPass: (request, reply, { share, value, maxAgeMs }) =>
      set(request, reply, { name: PASS, value, share, maxAgeMs, sameSite: 'Strict' }),
  }
}

interface NewCookie {
  name: string
  value: string
  share: string
  maxAgeMs: number
  sameSite: 'Lax' | 'Strict'
}

/** Of several with one name the first: browsers send the one with the longest path first. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
