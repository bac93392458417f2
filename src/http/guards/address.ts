import { isIP } from 'node:net'
import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/** How some proxies write an address into `X-Forwarded-For`: with a port, IPv6 in brackets. */
const WITH_PORT = /^(?:\[([^\]]+)\]|(\d+(?:\.\d+){3}))(?::\d+)?$/

/**
 * The caller, for whatever is counted per caller: the address that TRUST_PROXY leaves, of IPv6 the
 * /64, because that is the least anybody has. The port is gone, which every connection has anew;
 * where there is no address, it is the nearest proxy's.
 */
export function addressOf({ ip, socket }: FastifyRequest): string {
  const [, bracketed, dotted] = WITH_PORT.exec(ip) ?? []
  const address = bracketed ?? dotted ?? ip
  return normalizeIP(isIP(address) ? address : (socket.remoteAddress ?? ''))
}
