import { createHash } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../../core/access/known-tokens.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { addressOf } from './address.ts'
import { type PresentedCredentials, presentedBy, presentsOf } from './presented-credentials.ts'

export interface ThrottleOptions {
  /** Wrong guesses that an address has in a minute, and a user. */
  maxFailures: number
  knownTokens: Pick<KnownTokens, 'find'>
  uploads: Pick<UploadService, 'isOf'>
}

/**
 * Stops callers from guessing tokens, upload ids or messages. A caller over the limit gets
 * TOO_MANY_REQUESTS before its credentials are checked, so that a right guess looks like a wrong
 * one. Calls without credentials are never refused. Guesses are counted by
 *
 * - the address, unless the token was found good lately. An upload's id that this address has used
 *   with success passes, because other callers may share the address: to be let through, a guesser
 *   would have to hit one of those ids, out of 2^46 and more.
 * - the user, if a login token is good, whatever address it comes from. The user's own uploads
 *   always pass.
 *
 * A link's token that was found good lately is not counted: it opens one file, and reveals no other.
 */
export interface Throttle {
  /**
   * Throws TOO_MANY_REQUESTS for a caller over the limit. A hook calls it for every request; a
   * route that reads a form calls it again, because only then the form's fields are known.
   */
  assertNotThrottled: (request: FastifyRequest) => Promise<void>
  /** Counts a refusal if it answers a guess. Resolves with the error that is to go out. */
  countRefusal: (request: FastifyRequest, error: AppError) => Promise<AppError>
}

const WINDOW_MS = 60_000
const MAX_COUNTED = 10_000
const MAX_GUESSES = 50_000
const MAX_UPLOADS = 20_000
const UPLOAD_KNOWN_MS = 3_600_000
/**
 * A call that opens an upload is refused if another user has the id, which reveals that the id
 * exists. No client meets such an id by accident.
 */
const MAX_TAKEN_IDS = 10

/** Answers that tell a stranger whether a guess was right. */
const REVEALING = new Set<ErrorCode>([
  'TOKEN_REFUSED',
  'FORBIDDEN',
  'UPLOAD_NOT_FOUND',
  'MESSAGE_NOT_FOUND',
])
/** The same for a user, without messages: the user's own channel is no secret. */
const REVEALING_TO_USERS = new Set<ErrorCode>(['FORBIDDEN', 'UPLOAD_NOT_FOUND'])

export async function installThrottle(
  app: FastifyInstance,
  { maxFailures, knownTokens, uploads }: ThrottleOptions,
): Promise<Throttle> {
  await app.register(rateLimit, { global: false, timeWindow: WINDOW_MS, cache: MAX_COUNTED })
  const ofAddress = app.createRateLimit({ max: maxFailures, keyGenerator: addressOf })
  const ofUser = app.createRateLimit({ max: maxFailures, keyGenerator: userKey })
  const takenIds = app.createRateLimit({
    max: Math.min(MAX_TAKEN_IDS, maxFailures),
    keyGenerator: userKey,
  })
  const guesses = createTtlCache<true>({ maxEntries: MAX_GUESSES })
  const usedUploads = createTtlCache<true>({ maxEntries: MAX_UPLOADS })

  function knownOf({ token }: PresentedCredentials) {
    return token === null ? null : knownTokens.find(token)
  }

  function userKey(request: FastifyRequest): string {
    return knownOf(presentedBy(request))?.userId ?? ''
  }

  /** Returns the counters for this request's guesses: its address's or its user's. */
  function countersOf(request: FastifyRequest, userId: string | null) {
    if (userId === null) return [ofAddress]
    return presentsOf(request)?.opensUpload ? [ofUser, takenIds] : [ofUser]
  }

  async function assertNotThrottled(request: FastifyRequest): Promise<void> {
    const presented = presentedBy(request)
    if (presentsNothing(presented)) return
    const known = knownOf(presented)
    if (known && (known.userId === null || presented.uploadId === null)) return
    const userId = known?.userId ?? null
    for (const counter of countersOf(request, userId)) {
      const state = await counter(request, { increment: false })
      if (state.isAllowed || state.remaining > 0) continue
      if (await isKnownUpload(request, presented, userId)) continue
      throw tooManyGuesses(userId, state.ttlInSeconds)
    }
  }

  /** Whether the caller is known to have this upload, so that its id is no guess. */
  async function isKnownUpload(
    request: FastifyRequest,
    presented: PresentedCredentials,
    userId: string | null,
  ): Promise<boolean> {
    if (userId === null) return usedUploads.get(guessFrom(request, presented)) === true
    return presented.uploadId !== null && uploads.isOf(presented.uploadId, userId)
  }

  /**
   * Whether this guess was counted within the minute: deployed clients poll an unknown id every
   * second.
   */
  function wasCounted(guess: string): boolean {
    if (guesses.get(guess)) return true
    guesses.set(guess, true, WINDOW_MS)
    return false
  }

  async function countRefusal(request: FastifyRequest, error: AppError): Promise<AppError> {
    const presented = presentedBy(request)
    const known = knownOf(presented)
    if (known?.userId === null) return error
    const userId = known?.userId ?? null
    if (!isRevealing(request, error, userId)) return error
    const guess =
      userId === null
        ? guessFrom(request, presented, error.code)
        : guessBy(userId, request, error.code)
    if (!presentsNothing(presented) && wasCounted(guess)) return error
    let answer = error
    for (const counter of countersOf(request, userId)) {
      const state = await counter(request)
      if (!state.isAllowed && state.isExceeded) answer = tooManyGuesses(userId, state.ttlInSeconds)
    }
    return answer
  }

  app.addHook('preHandler', assertNotThrottled)
  app.addHook('onResponse', async (request, { statusCode }) => {
    const presented = presentedBy(request)
    if (presented.uploadId === null || statusCode >= 300) return
    // Deployed clients send the token only with chunks, and the bare id with the calls that follow.
    for (const token of [presented.token, null]) {
      usedUploads.set(guessFrom(request, { ...presented, token }), true, UPLOAD_KNOWN_MS)
    }
  })

  return { assertNotThrottled, countRefusal }
}

function isRevealing(request: FastifyRequest, { code }: AppError, userId: string | null): boolean {
  // Such a route answers a wrong signature like a path that does not exist.
  if (code === 'NOT_FOUND') return request.routeOptions.config.isBetweenInstances === true
  return (userId === null ? REVEALING : REVEALING_TO_USERS).has(code)
}

function presentsNothing({ token, uploadId }: PresentedCredentials): boolean {
  return token === null && uploadId === null
}

/** Returns a key for the same guess from the same address. */
function guessFrom(request: FastifyRequest, presented: PresentedCredentials, answer = ''): string {
  const { token, uploadId, messageId } = presented
  return hashOf([addressOf(request), answer, token, uploadId, messageId])
}

/** Returns a key for the same guess of the same user, with any token and from any address. */
function guessBy(userId: string, request: FastifyRequest, answer: string): string {
  const opens = presentsOf(request)?.opensUpload ?? false
  return hashOf([userId, answer, opens, presentedBy(request).uploadId])
}

function hashOf(guess: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(guess)).digest('base64')
}

function tooManyGuesses(userId: string | null, retryAfter: number): AppError {
  const whose = userId === null ? 'from your address' : 'of your account'
  return new AppError('TOO_MANY_REQUESTS', `Too many refused requests ${whose}`, { retryAfter })
}
