import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { tokenOf } from './presented-credentials.ts'

export interface TokenRateOptions {
  maxPerMinute: number
  /** Completes the sentence of the refusal: too many of these. */
  what: string
}

/**
 * Returns a check that counts calls by their token, and rejects with TOO_MANY_REQUESTS. The throttle
 * stops callers with many refused tokens.
 */
export function createTokenRate(
  app: FastifyInstance,
  { maxPerMinute, what }: TokenRateOptions,
): (request: FastifyRequest) => Promise<void> {
  const rate = app.createRateLimit({
    max: maxPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) =>
      createHash('sha256')
        .update(tokenOf(request) ?? '')
        .digest('base64'),
  })
  return async (request) => {
    const state = await rate(request)
    if (state.isAllowed || !state.isExceeded) return
    throw new AppError('TOO_MANY_REQUESTS', `Too many ${what} at once; try again in a moment`, {
      retryAfter: state.ttlInSeconds,
    })
  }
}
