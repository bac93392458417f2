import { createHash } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KnownTokens } from '../core/known-tokens.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import { createTtlCache } from '../lib/ttl-cache.ts'
import { addressOf } from './address.ts'
import { type Presented, presentedBy } from './presented.ts'
import { HAND_OVER_PATH } from './routes/hand-over.ts'

export interface ThrottleOptions {
  /** Wrong guesses that an address has in a minute. */
  maxFailures: number
  knownTokens: Pick<KnownTokens, 'has'>
}

/**
 * Shuts the oracle for addresses that guess tokens, upload ids or messages. Who is over the limit
 * gets TOO_MANY_REQUESTS before anything they present is judged, right or wrong. Two things pass,
 * because others may sit behind the same address: a token that was found good lately, and an
 * upload's id that this very address has used with success. To be let through, a guesser would
 * have to hit one of those, out of 2^46 and more. Calls that present nothing are never refused.
 */
export interface Throttle {
  /** For forms, whose token is known only when they have been read; all else is asked by a hook. */
  admit: (request: FastifyRequest, presented: Presented) => Promise<void>
  /** Counts a refusal if it answers a guess; what goes out is the error this resolves with. */
  judge: (request: FastifyRequest, error: AppError) => Promise<AppError>
}

const WINDOW_MS = 60_000
const MAX_ADDRESSES = 10_000
const MAX_GUESSES = 50_000
const MAX_UPLOADS = 20_000
const UPLOAD_KNOWN_MS = 3_600_000

/** Answers that tell whether a guess was right. */
const TELLING = new Set<ErrorCode>([
  'TOKEN_REFUSED',
  'FORBIDDEN',
  'UPLOAD_NOT_FOUND',
  'MESSAGE_NOT_FOUND',
])

export async function installThrottle(
  app: FastifyInstance,
  { maxFailures, knownTokens }: ThrottleOptions,
): Promise<Throttle> {
  await app.register(rateLimit, {
    global: false,
    max: maxFailures,
    timeWindow: WINDOW_MS,
    cache: MAX_ADDRESSES,
    keyGenerator: addressOf,
  })
  const failures = app.createRateLimit()
  const guesses = createTtlCache<true>({ maxEntries: MAX_GUESSES })
  const uploads = createTtlCache<true>({ maxEntries: MAX_UPLOADS })
  const forms = new WeakMap<FastifyRequest, Presented>()

  async function admit(request: FastifyRequest, presented: Presented): Promise<void> {
    if (presentsNothing(presented)) return
    const state = await failures(request, { increment: false })
    if (state.isAllowed || state.remaining > 0) return
    if (areKnown(presented.tokens) || uploads.get(callKey(request, presented))) return
    throw tooManyGuesses(state.ttlInSeconds)
  }

  function areKnown(tokens: readonly string[]): boolean {
    return tokens.length > 0 && tokens.every((token) => knownTokens.has(token))
  }

  app.addHook('preHandler', async (request) => admit(request, presentedBy(request)))
  app.addHook('onResponse', async (request, { statusCode }) => {
    const presented = forms.get(request) ?? presentedBy(request)
    if (presented.uploadId === null || statusCode >= 300) return
    // Deployed clients send the token with chunks alone: what follows comes with the bare id.
    for (const tokens of [presented.tokens, []]) {
      uploads.set(callKey(request, { ...presented, tokens }), true, UPLOAD_KNOWN_MS)
    }
  })

  return {
    admit: async (request, presented) => {
      forms.set(request, presented)
      await admit(request, presented)
    },
    judge: async (request, error) => {
      const presented = forms.get(request) ?? presentedBy(request)
      // What strangers get from `/hand-over` looks like a path that is not there.
      const handOver = request.routeOptions.url === HAND_OVER_PATH && error.code === 'NOT_FOUND'
      if (!TELLING.has(error.code) && !handOver) return error
      if (areKnown(presented.tokens)) return error
      // Asked again, a question tells nothing new: deployed clients poll an unknown id every second.
      const guess = callKey(request, presented, error.code)
      if (!presentsNothing(presented) && guesses.get(guess)) return error
      guesses.set(guess, true, WINDOW_MS)
      const state = await failures(request)
      if (state.isAllowed || !state.isExceeded) return error
      return tooManyGuesses(state.ttlInSeconds)
    },
  }
}

function presentsNothing({ tokens, uploadId }: Presented): boolean {
  return tokens.length === 0 && uploadId === null
}

/** Stands for the same question of the same address. */
function callKey(request: FastifyRequest, presented: Presented, answer = ''): string {
  const { tokens, uploadId, messageId } = presented
  const question = JSON.stringify([addressOf(request), answer, tokens, uploadId, messageId])
  return createHash('sha256').update(question).digest('base64')
}

function tooManyGuesses(retryAfter: number): AppError {
  return new AppError('TOO_MANY_REQUESTS', 'Too many refused requests from your address', {
    retryAfter,
  })
}
