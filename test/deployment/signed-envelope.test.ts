import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { HandOverAnswer } from '../../src/core/ports/deployment.ts'
import { createEnvelopes } from '../../src/deployment/signed-envelope.ts'

const secret = randomBytes(32)
const question = { intent: 'start', wait: false } as const

test('a request and its answer are read by whoever has the secret', () => {
  const young = sealOf({ id: randomUUID() })
  const old = sealOf({ id: randomUUID() })

  const { nonce, ...sent } = young.seal.signRequest(question)
  const opened = old.seal.verifyRequest({ ...sent, body: Buffer.from(sent.body) })
  const answer: HandOverAnswer = { instance: old.instance, state: 'released', withinMs: 0 }
  const sealed = opened?.request && opened.signAnswer(answer)

  expect(opened?.request).toEqual({ instance: young.instance, ...question })
  expect(sealed && young.seal.verifyAnswer(sealed, nonce)).toEqual(answer)
})

interface Spoiled {
  secret?: Buffer
  skewMs?: number
  change?: boolean
  signature?: string
  /** The one who is asked has only just been started. */
  young?: boolean
}

const SPOILED: [string, Spoiled][] = [
  ['another secret', { secret: randomBytes(32) }],
  ['a byte that was changed', { change: true }],
  ['no signature', { signature: '' }],
]

const UNTIMELY: [string, Spoiled][] = [
  ['a request from the past', { skewMs: -61_000 }],
  ['a request from the future', { skewMs: 86_400_000 }],
  ['a request that is older than this process', { skewMs: -30_000, young: true }],
]

test.each(SPOILED)('%s opens nothing', (_name, spoiled) => {
  const asker = sealOf({ id: randomUUID(), ...spoiled })
  const old = sealOf({ id: randomUUID(), startedAt: spoiled.young ? Date.now() : 0 })

  const { body, signature } = asker.seal.signRequest(question)
  const changed = spoiled.change ? body.replace('start', 'statt') : body
  const given = { body: Buffer.from(changed), signature: spoiled.signature ?? signature }

  expect(old.seal.verifyRequest(given)).toBeNull()
})

test.each(UNTIMELY)('%s asks for nothing, and is told what time it is', (_name, spoiled) => {
  const asker = sealOf({ id: randomUUID(), ...spoiled })
  const old = sealOf({ id: randomUUID(), startedAt: spoiled.young ? Date.now() : 0 })
  const { body, signature, nonce } = asker.seal.signRequest(question)

  const opened = old.seal.verifyRequest({ body: Buffer.from(body), signature })

  expect(opened?.request).toBeNull()
  const clock = opened?.request === null ? opened.clock : null
  expect(clock && asker.seal.verifyAnswer(clock, nonce)).toBeNull()
  expect(clock && asker.seal.adoptClock(clock, randomUUID())).toBe(false)
  expect(clock && asker.seal.adoptClock(clock, nonce)).toBe(true)
  const again = asker.seal.signRequest(question)
  const heard = old.seal.verifyRequest({ ...again, body: Buffer.from(again.body) })
  expect(heard?.request).toMatchObject(question)
  const { startedAt } = heard?.request?.instance ?? { startedAt: Number.NaN }
  expect(Math.abs(startedAt + (spoiled.skewMs ?? 0))).toBeLessThan(2_000)
})

test('a request opens once', () => {
  const old = sealOf({ id: randomUUID() })
  const { body, signature } = sealOf({ id: randomUUID() }).seal.signRequest(question)
  const given = { body: Buffer.from(body), signature }

  expect(old.seal.verifyRequest(given)).not.toBeNull()
  expect(old.seal.verifyRequest(given)).toBeNull()
})

test('an answer is for its request alone, and no request is an answer', () => {
  const { seal, instance } = sealOf({ id: randomUUID() })
  const first = seal.signRequest(question)
  const second = seal.signRequest(question)
  const opened = seal.verifyRequest({ ...first, body: Buffer.from(first.body) })

  const answer = opened?.request && opened.signAnswer({ instance, state: 'released', withinMs: 0 })

  expect(answer && seal.verifyAnswer(answer, second.nonce)).toBeNull()
  expect(seal.verifyAnswer(first, first.nonce)).toBeNull()
})

function sealOf(wanted: { id: string; startedAt?: number; secret?: Buffer; skewMs?: number }) {
  const { id, startedAt = 0, skewMs = 0 } = wanted
  const instance = { id, startedAt }
  const now = (): number => Date.now() + skewMs
  return { instance, seal: createEnvelopes({ secret: wanted.secret ?? secret, instance, now }) }
}
