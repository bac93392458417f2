import type { FastifyRequest } from 'fastify'
import type { TrustedProxies } from './guards/limits.ts'

/** Says where callers reach the worker from outside. */
export interface PublicAddress {
  /**
   * The whole address of the worker's root for the caller of this request, such as
   * `https://worker.example/files`, without a slash at its end. Null where it is not known: then
   * only what is relative to the request leads back here.
   */
  rootOf: (request: FastifyRequest) => string | null
}

export interface PublicAddressOptions {
  /** What the operator or the host says, without a slash at its end; null: proxies say it. */
  publicUrl: string | null
  /** Only the host says it. */
  isPublicUrlDefault: boolean
  trusts: TrustedProxies
}

/**
 * What the operator says comes first: many proxies pass on an `X-Forwarded-Host` that the caller
 * has written. Otherwise the nearest proxy says it, where it is one that is trusted, and then the
 * host, which does not know what stands in front of it. The request's own `Host` never does: anybody
 * can write it, and what it is written into may be kept for others.
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

/** What a trusted proxy says of the address under which it was asked. */
export interface ForwardedAddress {
  host: string | undefined
  proto: string | undefined
  prefix: string | undefined
}

/** A name, an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const HOST = /^(?:[a-z\d](?:[\w.-]{0,252}[\w])?|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i
/** Segments of letters, digits and the signs that RFC 3986, section 2.3, reserves for nothing. */
const PREFIX = /^(?:\/[\w.~-]+)+\/?$/
const MAX_PREFIX = 512

/**
 * The address that the headers name; null where one of them is missing or is not plain. A scheme is
 * never guessed: with `http` for `https` a client would send its token in the open.
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

/** What the nearest proxy has written: it stands last, behind what others or the caller wrote. */
function nearest(header: string | string[] | undefined): string | undefined {
  return (
    String(header ?? '')
      .split(',')
      .at(-1)
      ?.trim() || undefined
  )
}
