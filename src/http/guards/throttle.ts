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
 * Shuts the oracle for those who guess tokens, upload ids or messages. A caller over the limit gets
 * TOO_MANY_REQUESTS before anything they present is judged, right or wrong. Calls that present
 * nothing are never refused. Guesses are counted by
 *
 * - the address, where no token was found good lately. An upload's id that this very address has
 *   used with success passes, because others may sit behind it: to be let through, a guesser would
 *   have to hit one of those, out of 2^46 and more.
 * - the user, where a login token is good, wherever it is used. Their own uploads always pass.
 *
 * A link's token that is good lately is not counted: it opens one file, and answers no guess.
 */
export interface Throttle {
  /** For forms, whose fields are known only when they have been read; all else is asked by a hook. */
  admit: (request: FastifyRequest) => Promise<void>
  /** Counts a refusal if it answers a guess; what goes out is the error this resolves with. */
  judge: (request: FastifyRequest, error: AppError) => Promise<AppError>
}

const WINDOW_MS = 60_000
const MAX_COUNTED = 10_000
const MAX_GUESSES = 50_000
const MAX_UPLOADS = 20_000
const UPLOAD_KNOWN_MS = 3_600_000
/**
 * Where an id that nobody has would open an upload, a refusal says that another user has it. No
 * client meets such an id by accident.
 */
const MAX_TAKEN_IDS = 10

/** Answers that tell a stranger whether a guess was right. */
const TELLING = new Set<ErrorCode>([
  'TOKEN_REFUSED',
  'FORBIDDEN',
  'UPLOAD_NOT_FOUND',
  'MESSAGE_NOT_FOUND',
])
/** The same for a user, whose own channel is no secret. */
const TELLING_USERS = new Set<ErrorCode>(['FORBIDDEN', 'UPLOAD_NOT_FOUND'])

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

  /** Where guesses of this request count: with those of its address, or of its user. */
  function countersOf(request: FastifyRequest, userId: string | null) {
    if (userId === null) return [ofAddress]
    return presentsOf(request)?.opensUpload ? [ofUser, takenIds] : [ofUser]
  }

  async function admit(request: FastifyRequest): Promise<void> {
    const presented = presentedBy(request)
    if (presentsNothing(presented)) return
    const known = knownOf(presented)
    if (known && (known.userId === null || presented.uploadId === null)) return
    const userId = known?.userId ?? null
    for (const counter of countersOf(request, userId)) {
      const state = await counter(request, { increment: false })
      if (state.isAllowed || state.remaining > 0) continue
      if (!(await passes(request, presented, userId)))
        throw tooManyGuesses(userId, state.ttlInSeconds)
    }
  }

  /** What is no guess, whatever else has been guessed from there. */
  async function passes(
    request: FastifyRequest,
    presented: PresentedCredentials,
    userId: string | null,
  ): Promise<boolean> {
    if (userId === null) return usedUploads.get(askedFrom(request, presented)) === true
    return presented.uploadId !== null && uploads.isOf(presented.uploadId, userId)
  }

  /** Whether this was counted within the minute: deployed clients poll an unknown id every second. */
  function wasCounted(question: string): boolean {
    if (guesses.get(question)) return true
    guesses.set(question, true, WINDOW_MS)
    return false
  }

  async function judge(request: FastifyRequest, error: AppError): Promise<AppError> {
    const presented = presentedBy(request)
    const known = knownOf(presented)
    if (known?.userId === null) return error
    const userId = known?.userId ?? null
    if (!isTelling(request, error, userId)) return error
    const question =
      userId === null
        ? askedFrom(request, presented, error.code)
        : askedBy(userId, request, error.code)
    if (!presentsNothing(presented) && wasCounted(question)) return error
    let answer = error
    for (const counter of countersOf(request, userId)) {
      const state = await counter(request)
      if (!state.isAllowed && state.isExceeded) answer = tooManyGuesses(userId, state.ttlInSeconds)
    }
    return answer
  }

  app.addHook('preHandler', admit)
  app.addHook('onResponse', async (request, { statusCode }) => {
    const presented = presentedBy(request)
    if (presented.uploadId === null || statusCode >= 300) return
    // Deployed clients send the token with chunks alone: what follows comes with the bare id.
    for (const token of [presented.token, null]) {
      usedUploads.set(askedFrom(request, { ...presented, token }), true, UPLOAD_KNOWN_MS)
    }
  })

  return { admit, judge }
}

function isTelling(request: FastifyRequest, { code }: AppError, userId: string | null): boolean {
  // What strangers get from such a call looks like a path that is not there.
  if (code === 'NOT_FOUND') return request.routeOptions.config.isBetweenInstances === true
  return (userId === null ? TELLING : TELLING_USERS).has(code)
}

function presentsNothing({ token, uploadId }: PresentedCredentials): boolean {
  return token === null && uploadId === null
}

/** Stands for the same question from the same address. */
function askedFrom(request: FastifyRequest, presented: PresentedCredentials, answer = ''): string {
  const { token, uploadId, messageId } = presented
  return hashOf([addressOf(request), answer, token, uploadId, messageId])
}

/** Stands for the same question of the same user, with whichever token and from anywhere. */
function askedBy(userId: string, request: FastifyRequest, answer: string): string {
  const opens = presentsOf(request)?.opensUpload ?? false
  return hashOf([userId, answer, opens, presentedBy(request).uploadId])
}

function hashOf(question: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(question)).digest('base64')
}

function tooManyGuesses(userId: string | null, retryAfter: number): AppError {
  const whose = userId === null ? 'from your address' : 'of your account'
  return new AppError('TOO_MANY_REQUESTS', `Too many refused requests ${whose}`, { retryAfter })
}
