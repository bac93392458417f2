import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

/**
 * The token of a request: `Authorization: Bearer`, else the field `authToken`.
 * Null when there is none.
 */
export function tokenOf(request: FastifyRequest, field?: string | undefined): string | null {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? []
  return bearer ?? field ?? null
}

/** The same, for calls that nobody may make without one. */
export function requireToken(request: FastifyRequest, field?: string | undefined): string {
  const token = tokenOf(request, field)
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
