import type { FastifyRequest } from 'fastify'
import { AppError } from '../../errors.ts'
import { presentedBy } from './presented-credentials.ts'

/** The token of a request, from where its route says. Null when there is none. */
export function tokenOf(request: FastifyRequest): string | null {
  return presentedBy(request).token
}

/** The same, for calls that nobody may make without one. Throws TOKEN_MISSING. */
export function requireToken(request: FastifyRequest): string {
  const token = tokenOf(request)
  if (token === null) {
    throw new AppError('TOKEN_MISSING', 'authToken: is missing', {
      details: { field: 'authToken' },
    })
  }
  return token
}

/** `requireToken` where every caller must be known, else `tokenOf`. */
export type CallerToken = typeof tokenOf

export function createCallerToken(requireAuth: boolean): CallerToken {
  return requireAuth ? requireToken : tokenOf
}
