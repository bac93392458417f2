import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type {
  HandOverAnswer,
  HandOverRequest,
  HandOverState,
  Instance,
  Question,
} from '../core/ports/deployment.ts'
import { createTtlCache } from '../lib/ttl-cache.ts'

/** A message as it travels: JSON, and the HMAC-SHA256 that only instances of the deployment can make. */
export interface SignedEnvelope {
  body: string
  signature: string
}

/** What an instance makes of a request that has come in. */
export type VerifiedRequest =
  /** No instance of this deployment has sent it, or it was here before: it gets no answer. */
  | { kind: 'rejected' }
  /**
   * It is too old or too new: a replay, or the clocks differ. `clock` says what time it is here, and
   * nothing else.
   */
  | { kind: 'untimely'; clock: SignedEnvelope }
  /** It is what it says. The sender of the request believes what `signAnswer` makes. */
  | {
      kind: 'accepted'
      request: HandOverRequest
      signAnswer: (answer: HandOverAnswer) => SignedEnvelope
    }

export interface Envelopes {
  /** `verifyAnswer` and `adoptClock` expect this `nonce`. */
  signRequest: (question: Question) => SignedEnvelope & { nonce: string }
  verifyRequest: (envelope: { body: Buffer; signature: string }) => VerifiedRequest
  /** Returns null for what no instance of this deployment has answered to that request. */
  verifyAnswer: (envelope: SignedEnvelope, nonce: string) => HandOverAnswer | null
  /**
   * Returns whether that request was answered with a clock. The next request goes by it: two hosts
   * whose clocks are minutes apart must not take each other for strangers, and both connect.
   */
  adoptClock: (envelope: SignedEnvelope, nonce: string) => boolean
}

export interface EnvelopeOptions {
  /** 32 bytes that all instances of the deployment share. */
  secret: Buffer
  instance: Instance
  now?: () => number
}

/** How far the clocks of two hosts may be apart, and how long a request may travel. */
const WINDOW_MS = 60_000
/**
 * Nonces live in memory: what was sent to an earlier process with this address could be played
 * to this one. No honest request is older than the process that it is for, but for the clocks.
 */
const BEFORE_START_MS = 5_000
const MAX_NONCES = 10_000

const Party = z.object({ id: z.uuid(), startedAt: z.int() })
const RequestBody = z.object({
  instance: Party,
  intent: z.enum(['start', 'return']),
  wait: z.boolean(),
  issuedAt: z.int(),
  nonce: z.uuid(),
})
/** The words of the hand-over's JSON, which every version of the worker has to understand. */
const WIRE_STATES = {
  self: 'self',
  draining: 'draining',
  released: 'released',
  superseded: 'taken',
  denied: 'stand-back',
} as const satisfies Record<HandOverState, string>

const AnswerBody = z.object({
  instance: Party,
  state: z.enum(WIRE_STATES).transform(stateOf),
  withinMs: z.number().min(0),
})
const ClockBody = z.object({ now: z.int() })

export function createEnvelopes({ secret, instance, now = Date.now }: EnvelopeOptions): Envelopes {
  const seen = createTtlCache<true>({ maxEntries: MAX_NONCES, now })
  /** How far the clock of the instance that is asked is ahead of this one, once that is known. */
  let aheadMs = 0

  const sign = (purpose: string, body: string | Buffer): string =>
    `sha256=${createHmac('sha256', secret).update(`${purpose}\n`).update(body).digest('hex')}`

  function isSigned(
    purpose: string,
    { body, signature }: { body: string | Buffer; signature: string },
  ): boolean {
    const expected = Buffer.from(sign(purpose, body))
    const given = Buffer.from(signature)
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  function isFresh(issuedAt: number): boolean {
    if (Math.abs(now() - issuedAt) > WINDOW_MS) return false
    return issuedAt >= instance.startedAt - BEFORE_START_MS
  }

  const answerTo = (nonce: string): string => `answer ${nonce}`
  const clockFor = (nonce: string): string => `clock ${nonce}`

  function signed(purpose: string, content: object): SignedEnvelope {
    const body = JSON.stringify(content)
    return { body, signature: sign(purpose, body) }
  }

  return {
    signRequest: (question) => {
      const nonce = randomUUID()
      // All times are by the clock of the instance that is asked: which of the two is newer must not
      // depend on two clocks.
      const asker = { ...instance, startedAt: instance.startedAt + aheadMs }
      const issuedAt = now() + aheadMs
      return { ...signed('request', { instance: asker, ...question, issuedAt, nonce }), nonce }
    },
    verifyRequest: (envelope) => {
      if (!isSigned('request', envelope)) return { kind: 'rejected' }
      const parsed = RequestBody.safeParse(JSON.parse(envelope.body.toString()))
      if (!parsed.success) return { kind: 'rejected' }
      const { issuedAt, nonce, ...request } = parsed.data
      if (seen.get(nonce)) return { kind: 'rejected' }
      if (!isFresh(issuedAt)) {
        return { kind: 'untimely', clock: signed(clockFor(nonce), { now: now() }) }
      }
      seen.set(nonce, true, 2 * WINDOW_MS)
      return {
        kind: 'accepted',
        request,
        signAnswer: (answer) =>
          signed(answerTo(nonce), { ...answer, state: WIRE_STATES[answer.state] }),
      }
    },
    verifyAnswer: (envelope, nonce) => {
      if (!isSigned(answerTo(nonce), envelope)) return null
      const parsed = AnswerBody.safeParse(JSON.parse(envelope.body))
      return parsed.success ? parsed.data : null
    },
    adoptClock: (envelope, nonce) => {
      if (!isSigned(clockFor(nonce), envelope)) return false
      const parsed = ClockBody.safeParse(JSON.parse(envelope.body))
      if (parsed.success) aheadMs = parsed.data.now - now()
      return parsed.success
    },
  }
}

function stateOf(word: (typeof WIRE_STATES)[HandOverState]): HandOverState {
  switch (word) {
    case 'taken':
      return 'superseded'
    case 'stand-back':
      return 'denied'
    default:
      return word
  }
}
