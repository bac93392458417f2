import { randomUUID } from 'node:crypto'
import type { HandOverAnswerer, Instance, PublicAddress } from '../core/ports/deployment.ts'
import { createPublicAddress, pingPublicAddress } from './public-address.ts'
import { createEnvelopes, type SignedEnvelope } from './signed-envelope.ts'

/** This instance among the others of its deployment. */
export interface Deployment {
  instance: Instance
  /** Null where there is no public address, or no secret to be known by. */
  address: PublicAddress | null
  /** Calls the public address; rejects when it does not answer. Null where there is none. */
  ping: ((signal: AbortSignal) => Promise<void>) | null
  /**
   * Answers what came to `POST /hand-over`: resolves with null for what no instance of this
   * deployment has sent. Null itself where there is no secret.
   */
  answer:
    | ((
        answerer: HandOverAnswerer,
        request: { body: Buffer; signature: string },
        signal: AbortSignal,
      ) => Promise<SignedEnvelope | null>)
    | null
}

export interface DeploymentOptions {
  /** 32 bytes that all instances share; null where they share nothing. */
  secret: Buffer | null
  /** Without a slash at its end. */
  publicUrl: string | null
}

export function openDeployment({ secret, publicUrl }: DeploymentOptions): Deployment {
  const instance = { id: randomUUID(), startedAt: Date.now() }
  const ping =
    publicUrl === null ? null : (signal: AbortSignal) => pingPublicAddress(publicUrl, signal)
  if (secret === null) return { instance, address: null, ping, answer: null }
  const envelopes = createEnvelopes({ secret, instance })
  return {
    instance,
    address: publicUrl === null ? null : createPublicAddress(publicUrl, envelopes),
    ping,
    answer: async (answerer, envelope, signal) => {
      const verified = envelopes.verifyRequest(envelope)
      switch (verified.kind) {
        case 'rejected':
          return null
        case 'untimely':
          return verified.clock
        case 'accepted':
          return verified.signAnswer(await answerer.answer(verified.request, signal))
      }
    },
  }
}
