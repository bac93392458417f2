import type { PublicAddress, Question, Reply } from '../core/ports/deployment.ts'
import { readBounded } from '../lib/read-bounded.ts'
import { KiB } from '../lib/units.ts'
import type { Envelopes } from './signed-envelope.ts'

/** As the webhooks have it: `sha256=` and the HMAC in hex. */
const SIGNATURE_HEADER = 'x-telestore-signature'
/** An answer has some hundred bytes; a longer body is none. */
const MAX_ANSWER_BYTES = 4 * KiB
/** What proxies answer while the instance behind them cannot. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504])
/** No program listens there, or there is no such host. */
const NOWHERE = new Set(['ECONNREFUSED', 'ENOTFOUND'])

/** A service that sleeps needs as long to wake up. */
const PING_TIMEOUT_MS = 30_000

/** Asks the instance behind the deployment's public address, by `POST /hand-over`. */
export function createPublicAddress(url: string, envelopes: Envelopes): PublicAddress {
  /** Resolves with null where the answer was the time of the other clock, which is adopted. */
  async function askOnce(question: Question, signal: AbortSignal): Promise<Reply | null> {
    const { body, signature, nonce } = envelopes.signRequest(question)
    try {
      const response = await fetch(`${url}/hand-over`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [SIGNATURE_HEADER]: signature },
        body,
        redirect: 'manual',
        signal,
      })
      const bytes = await readBounded(response.body, MAX_ANSWER_BYTES)
      if (bytes === null) return strange(response.status)
      const envelope = {
        body: bytes.toString(),
        signature: response.headers.get(SIGNATURE_HEADER) ?? '',
      }
      const answer = envelopes.verifyAnswer(envelope, nonce)
      if (answer) return { kind: 'answered', answer }
      return envelopes.adoptClock(envelope, nonce) ? null : strange(response.status)
    } catch (error) {
      signal.throwIfAborted()
      return unreached(error)
    }
  }

  return {
    ask: async (question, signal) =>
      (await askOnce(question, signal)) ??
      (await askOnce(question, signal)) ?? { kind: 'unclear', reason: 'the clocks differ' },
  }
}

/**
 * Sends a request to the deployment's public address. Any answer will do; rejects when there is none
 * within the time.
 */
export async function pingPublicAddress(url: string, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PING_TIMEOUT_MS)])
  const answer = await fetch(`${url}/healthz`, { redirect: 'manual', signal: limit })
  await answer.body?.cancel()
}

function strange(status: number): Reply {
  const reason = `an answer without our signature, status ${status}`
  return { kind: TRANSIENT.has(status) ? 'unclear' : 'absent', reason }
}

function unreached(error: unknown): Reply {
  const code = codeOf(error) ?? codeOf(error instanceof Error ? error.cause : undefined)
  return {
    kind: code !== undefined && NOWHERE.has(code) ? 'absent' : 'unclear',
    reason: code ?? 'no answer',
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
