import { isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/** How some proxies write an address into `X-Forwarded-For`: with a port, IPv6 in brackets. */
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d+(?:\.\d+){3}))(?::\d+)?$/

/**
 * Returns the address by which a caller is counted: the one that TRUST_PROXY leaves, without its
 * port; of IPv6 the /64, because no customer gets a smaller network. If the header holds no
 * address, it is the nearest proxy's.
 */
export function addressOf({ ip, socket }: FastifyRequest): string {
  const [, bracketed, dotted] = WITH_PORT.exec(ip) ?? []
  const address = bracketed ?? dotted ?? ip
  return normalizeIP(isIP(address) ? address : (socket.remoteAddress ?? ''))
}
