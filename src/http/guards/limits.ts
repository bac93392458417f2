import type { IncomingHttpHeaders, ServerOptions } from 'node:http'
import { BlockList, isIP } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'

/** The request line with its URL, and all headers together; beyond it 431. */
export const MAX_HEADER_BYTES = 16 * KiB
const MAX_HEADERS = 100
/** Characters of one part of a path. */
export const MAX_PARAMETER = 200
/** A connection that has not sent its headers by then is cut, also one that has sent nothing. */
const HEADERS_TIMEOUT_MS = 20_000
const CHECK_CONNECTIONS_MS = 5_000
/**
 * A connection that does nothing costs about 10 KB, so these are 20 MB of 512. Behind a proxy all
 * callers share them; `connections.ts` decides which one is closed when all are taken.
 */
export const MAX_CONNECTIONS = 2_000
/**
 * Connections that the system holds until they are accepted, one in a turn; those beyond try again
 * after a second. Linux takes no more than its `net.core.somaxconn`.
 */
export const LISTEN_BACKLOG = 4_096
/**
 * A client that sends a whole file and polls to its end stays below; the next one gets its turn.
 */
export const MAX_REQUESTS_PER_SOCKET = 2_000

/** JSON bodies are a handful of short fields. */
export const MAX_JSON_BYTES = 64 * KiB

/** Options of Node's server. */
export const NODE_LIMITS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
  // Render's proxy keeps its connections for longer than Node's 5 s.
  keepAliveTimeout: 75_000,
  // A slow phone needs longer for a chunk than any fixed time: min-upload-rate.ts limits it.
  requestTimeout: 0,
  // A hook checks it instead, so that the refusal is JSON.
  requireHostHeader: false,
} satisfies ServerOptions

/** What Node does not take as an option. */
export function installLimits(app: FastifyInstance): void {
  // Node silently drops headers beyond this; one more than allowed shows that there were more.
  app.server.maxHeadersCount = MAX_HEADERS + 1
  app.addHook('onRequest', async (request, reply) => {
    if (request.raw.rawHeaders.length > 2 * MAX_HEADERS) {
      throw new AppError('HEADERS_TOO_LARGE', 'The request has too many headers')
    }
    // Node would wait for the end of a body that no route reads before the next request.
    const readsNone = request.method === 'GET' || request.method === 'HEAD'
    if (readsNone && hasBody(request.headers)) reply.header('connection', 'close')
  })
}

/** Whether a request announces a body. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Where the operator's own proxies stand: loopback, private networks, link-local. */
const OWN_NETWORKS = ownNetworks()

/** Whether an address is a proxy's that is trusted, `hop` steps from the socket; false: none is. */
export type TrustedProxies = false | ((address: string, hop: number) => boolean)

/**
 * Fastify's option `trustProxy`: which proxies' `X-Forwarded-For` counts. Hops are counted from the
 * socket outwards, so entries that the caller wrote itself are never read. A number of hops says
 * nothing about the peer at the socket (GHSA-3m5p-2c4r-xxw2), so the first hop must come from the
 * operator's own network: a caller that reaches the worker directly counts by its own address.
 */
export function trustedProxies(proxies: false | number | string): TrustedProxies {
  if (proxies === false) return false
  if (typeof proxies === 'string') {
    return proxyAddr.compile(proxies.split(',').map((each) => each.trim()))
  }
  return (address, hop) => hop < proxies && (hop > 0 || isOwn(address))
}

function isOwn(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && OWN_NETWORKS.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

function ownNetworks(): BlockList {
  const networks = new BlockList()
  networks.addSubnet('127.0.0.0', 8)
  networks.addSubnet('10.0.0.0', 8)
  networks.addSubnet('172.16.0.0', 12)
  networks.addSubnet('192.168.0.0', 16)
  networks.addSubnet('169.254.0.0', 16)
  networks.addSubnet('::1', 128, 'ipv6')
  networks.addSubnet('fc00::', 7, 'ipv6')
  networks.addSubnet('fe80::', 10, 'ipv6')
  return networks
}
