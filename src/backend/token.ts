import { createHash } from 'node:crypto'
import { z } from 'zod'
import { readJwtClaims } from '../lib/jwt-claims.ts'

const MAX_TOKEN_LENGTH = 8192

/** SHA-256 of a token, hex: what stands for it in keys, labels and user ids. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/**
 * Whether a token may travel in an HTTP header at all. Asked first, because `fetch` repeats a
 * header value it cannot send in its error.
 */
export function isSendableToken(token: string): boolean {
  return token.length <= MAX_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(token)
}

const Claims = z.object({
  exp: z.number().optional().catch(undefined),
  sub: z.unknown().optional(),
  user_id: z.unknown().optional(),
})

export interface TokenHints {
  /** When the token says that it ends, epoch milliseconds. */
  expiresAt: number | null
  /** TeleStore's login tokens name their user in `sub`, its download tokens in `user_id`. */
  looksLikeLogin: boolean
}

/**
 * What a JWT says about itself, unverified: good for how long an answer may be cached and for
 * which endpoint to ask first, for nothing else. A token that is no JWT says nothing.
 */
export function readTokenHints(token: string): TokenHints {
  const claims = Claims.safeParse(readJwtClaims(token)).data
  if (!claims) return { expiresAt: null, looksLikeLogin: false }
  return {
    expiresAt: claims.exp === undefined ? null : claims.exp * 1000,
    looksLikeLogin: typeof claims.sub === 'string' && claims.user_id === undefined,
  }
}
