import type { FastifyRequest } from 'fastify'
import type { TrustedProxies } from './guards/limits.ts'

/** Says where callers reach the worker from outside. */
export interface PublicAddress {
  /**
   * Returns the absolute address of the worker's root for the caller of this request, such as
   * `https://worker.example/files`, without a slash at its end. Null if it is not known: then only
   * addresses relative to the request lead back to the worker.
   */
  rootOf: (request: FastifyRequest) => string | null
}

export interface PublicAddressOptions {
  /** Set by the operator or the host, without a slash at its end; null: only proxies tell it. */
  publicUrl: string | null
  /** Whether the host has set it, not the operator. */
  isPublicUrlDefault: boolean
  trusts: TrustedProxies
}

/**
 * The operator's address comes first, because many proxies pass on an `X-Forwarded-Host` that the
 * caller has written. Next comes the nearest proxy's, if that proxy is trusted, and then the host's,
 * which does not know the proxies in front of it. The request's own `Host` never counts: every
 * caller can forge it, and a cache may keep the answer for other callers.
 */
export function createPublicAddress(options: PublicAddressOptions): PublicAddress {
  const { publicUrl, isPublicUrlDefault, trusts } = options
  return {
    rootOf: ({ headers, socket }) => {
      if (publicUrl !== null && !isPublicUrlDefault) return publicUrl
      const isTrusted = trusts !== false && trusts(socket.remoteAddress ?? '', 0)
      if (!isTrusted) return publicUrl
      const said = rootFrom({
        host: nearest(headers['x-forwarded-host']),
        proto: nearest(headers['x-forwarded-proto']),
        prefix: nearest(headers['x-forwarded-prefix']),
      })
      return said ?? publicUrl
    },
  }
}

/** The address under which a trusted proxy was called. */
export interface ForwardedAddress {
  host: string | undefined
  proto: string | undefined
  prefix: string | undefined
}

/** A name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const HOST = /^(?:[a-z\d](?:[\w.-]{0,252}[\w])?|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i
/** Segments of the unreserved characters of RFC 3986, section 2.3. */
const PREFIX = /^(?:\/[\w.~-]+)+\/?$/
const MAX_PREFIX = 512

/**
 * Returns the address in the headers; null if one of them is missing or unusual. The scheme is never
 * guessed: with `http` for `https` a client would send its token unencrypted.
 */
export function rootFrom({ host, proto, prefix = '' }: ForwardedAddress): string | null {
  const scheme = proto?.toLowerCase()
  if (host === undefined || !HOST.test(host)) return null
  if (scheme !== 'https' && scheme !== 'http') return null
  const path = prefix === '/' ? '' : prefix.replace(/\/$/, '')
  if (path !== '' && !isPlainPath(prefix)) return null
  const root = `${scheme}://${host.toLowerCase()}`
  return URL.canParse(root) ? root + path : null
}

function isPlainPath(path: string): boolean {
  const segments = path.split('/')
  if (segments.includes('.') || segments.includes('..')) return false
  return path.length <= MAX_PREFIX && PREFIX.test(path)
}

/**
 * Returns the nearest proxy's entry: it is the last one, after those of other proxies or the
 * caller.
 */
function nearest(header: string | string[] | undefined): string | undefined {
  return (
    String(header ?? '')
      .split(',')
      .at(-1)
      ?.trim() || undefined
  )
}
