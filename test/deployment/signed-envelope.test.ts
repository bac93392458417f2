import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { HandOverAnswer } from '../../src/core/ports/deployment.ts'
import { createEnvelopes, type VerifiedRequest } from '../../src/deployment/signed-envelope.ts'

const secret = randomBytes(32)
const question = { intent: 'start', wait: false } as const

test('instances with the same secret read a request and its answer', () => {
  const asker = createParty()
  const asked = createParty()

  const { nonce, ...sent } = asker.envelopes.signRequest(question)
  const verified = asked.envelopes.verifyRequest(received(sent))
  assertAccepted(verified)
  const answer: HandOverAnswer = { instance: asked.instance, state: 'released', withinMs: 0 }
  const envelope = verified.signAnswer(answer)

  expect(verified.request).toEqual({ instance: asker.instance, ...question })
  expect(asker.envelopes.verifyAnswer(envelope, nonce)).toEqual(answer)
})

interface Spoiled {
  secret?: Buffer
  change?: boolean
  signature?: string
}

const SPOILED: [string, Spoiled][] = [
  ['with another secret', { secret: randomBytes(32) }],
  ['with a byte that was changed', { change: true }],
  ['without a signature', { signature: '' }],
]

interface Untimely {
  skewMs: number
  /** The instance that is asked has only just been started. */
  young?: boolean
}

const UNTIMELY: [string, Untimely][] = [
  ['a request from the past', { skewMs: -61_000 }],
  ['a request from the future', { skewMs: 86_400_000 }],
  ['a request that is older than this process', { skewMs: -30_000, young: true }],
]

test.each(SPOILED)('a request %s is rejected', (_name, spoiled) => {
  const asker = createParty(spoiled.secret === undefined ? {} : { secret: spoiled.secret })
  const asked = createParty()

  const { body, signature } = asker.envelopes.signRequest(question)
  const changed = spoiled.change ? body.replace('start', 'statt') : body
  const given = received({ body: changed, signature: spoiled.signature ?? signature })

  expect(asked.envelopes.verifyRequest(given)).toEqual({ kind: 'rejected' })
})

test.each(UNTIMELY)('%s gets the time here, and the next one goes by it', (_name, untimely) => {
  const asker = createParty({ skewMs: untimely.skewMs })
  const asked = createParty({ startedAt: untimely.young ? Date.now() : 0 })
  const { nonce, ...sent } = asker.envelopes.signRequest(question)

  const verified = asked.envelopes.verifyRequest(received(sent))

  if (verified.kind !== 'untimely') throw new Error(`the request is ${verified.kind}`)
  const { clock } = verified
  expect(asker.envelopes.verifyAnswer(clock, nonce)).toBeNull()
  expect(asker.envelopes.adoptClock(clock, randomUUID())).toBe(false)
  expect(asker.envelopes.adoptClock(clock, nonce)).toBe(true)
  const next = asked.envelopes.verifyRequest(received(asker.envelopes.signRequest(question)))
  assertAccepted(next)
  expect(next.request).toMatchObject(question)
  expect(Math.abs(next.request.instance.startedAt + untimely.skewMs)).toBeLessThan(2_000)
})

test('a request that comes a second time is rejected', () => {
  const asked = createParty()
  const given = received(createParty().envelopes.signRequest(question))

  expect(asked.envelopes.verifyRequest(given).kind).toBe('accepted')
  expect(asked.envelopes.verifyRequest(given)).toEqual({ kind: 'rejected' })
})

test('an answer is for its request alone, and no request is an answer', () => {
  const { envelopes, instance } = createParty()
  const first = envelopes.signRequest(question)
  const second = envelopes.signRequest(question)
  const verified = envelopes.verifyRequest(received(first))
  assertAccepted(verified)

  const answer = verified.signAnswer({ instance, state: 'released', withinMs: 0 })

  expect(envelopes.verifyAnswer(answer, second.nonce)).toBeNull()
  expect(envelopes.verifyAnswer(first, first.nonce)).toBeNull()
})

test('on the wire the states have the words that every version of the worker knows', () => {
  const { envelopes, instance } = createParty()
  const words = (['self', 'draining', 'released', 'superseded', 'denied'] as const).map((state) => {
    const { nonce, ...sent } = envelopes.signRequest(question)
    const verified = envelopes.verifyRequest(received(sent))
    assertAccepted(verified)
    const envelope = verified.signAnswer({ instance, state, withinMs: 0 })
    expect(envelopes.verifyAnswer(envelope, nonce)?.state).toBe(state)
    return JSON.parse(envelope.body).state
  })

  expect(words).toEqual(['self', 'draining', 'released', 'taken', 'stand-back'])
})

function createParty(wanted: { startedAt?: number; secret?: Buffer; skewMs?: number } = {}) {
  const { startedAt = 0, skewMs = 0 } = wanted
  const instance = { id: randomUUID(), startedAt }
  const now = (): number => Date.now() + skewMs
  const envelopes = createEnvelopes({ secret: wanted.secret ?? secret, instance, now })
  return { instance, envelopes }
}

function received({ body, signature }: { body: string; signature: string }) {
  return { body: Buffer.from(body), signature }
}

function assertAccepted(
  verified: VerifiedRequest,
): asserts verified is Extract<VerifiedRequest, { kind: 'accepted' }> {
  expect(verified.kind).toBe('accepted')
}
