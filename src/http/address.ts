import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'

/**
 * The caller, for whatever is counted per caller: the address that TRUST_PROXY leaves, of IPv6 the
 * /64, because that is the least anybody has.
 */
export function addressOf(request: FastifyRequest): string {
  return normalizeIP(request.ip)
}
