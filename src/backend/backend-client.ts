import { createHmac } from 'node:crypto'
import type { Credentials, DownloadGrant } from '../core/ports/credentials.ts'
import type { Log } from '../core/ports/log.ts'
import type { WebhookEvent } from '../core/ports/records.ts'
import { AppError } from '../errors.ts'
import type { CircuitLimits } from '../lib/waiting/circuit-breaker.ts'
import { namesAccount, parseCredentials, parseGrant } from './answers.ts'
import { type BackendCircuits, backendHealth, createBackendCircuits } from './circuits.ts'
import { type Answer, exchange, isConnectionReset } from './http-exchange.ts'
import { isRefusal, tokenRefused, toRefusal } from './refusal.ts'
import { isSendableToken } from './token.ts'
import { BackendUnavailable } from './unavailable.ts'

export interface BackendClientOptions {
  baseUrl: string
  log: Log
  /** For one exchange, its answer included. */
  timeoutMs?: number | undefined
  /** With it, webhooks are signed. */
  webhookSecret?: string | null
  circuit?: Partial<CircuitLimits> | undefined
  now?: () => number
}

/**
 * The TeleStore backend. Every method may reject with BACKEND_UNAVAILABLE, which may be retried;
 * at once and without asking while the circuit before it is open.
 */
export interface BackendClient {
  /** What a login token grants. Rejects with TOKEN_REFUSED or TELEGRAM_NOT_CONFIGURED. */
  credentials: (token: string) => Promise<Credentials>
  /** What a download token grants. Rejects with TOKEN_REFUSED or TELEGRAM_NOT_CONFIGURED. */
  verifyDownloadToken: (token: string) => Promise<DownloadGrant>
  /**
   * Tells the backend about a finished upload. Rejects with INVALID_REQUEST when the backend
   * will not have it, or with the signal's reason.
   */
  deliverWebhook: (event: WebhookEvent, signal?: AbortSignal) => Promise<void>
  circuits: BackendCircuits['status']
}

/** Speaks the three calls of CONTRACT.md section 4. Neither tokens nor answers reach the log. */
export function createBackendClient(options: BackendClientOptions): BackendClient {
  const { log, timeoutMs = 10_000, webhookSecret = null, now = Date.now } = options
  const circuits = createBackendCircuits(log, options.circuit)
  const address = (path: string): URL => new URL(`${options.baseUrl.replace(/\/+$/, '')}${path}`)

  /** `parse` is part of the call: an answer of a wrong shape is a sign of an unhealthy backend. */
  async function ask<T>(
    path: string,
    { token, parse, ...init }: RequestInit & Question<T>,
  ): Promise<T> {
    if (!isSendableToken(token)) throw tokenRefused()
    const call = async (): Promise<T> => {
      const answer = await askAgainAfterReset(() => exchange(address(path), { init, timeoutMs }))
      if (isSuccess(answer)) return parse(answer.body) ?? wrongShape(answer.body)
      log.debug({ path, status: answer.status }, 'the backend did not say yes')
      throw toRefusal(answer, token) ?? noUsableAnswer(answer)
    }
    return circuits.backend.run(call, backendHealth)
  }

  return {
    credentials: async (token) => {
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
      return ask('/api/worker/credentials', { headers, token, parse: parseCredentials })
    },
    verifyDownloadToken: async (token) => {
      const init = { method: 'POST', body: new URLSearchParams({ token }) }
      const question = { ...init, token, parse: parseGrant }
      const grant = await ask('/api/worker/verify-download-token', question)
      if (grant === 'refused') throw tokenRefused()
      return grant
    },
    deliverWebhook: async (event, signal) => {
      const init = webhookRequest(event, webhookSecret, now())
      const call = async (): Promise<void> => {
        const answer = await exchange(address('/api/webhook/upload'), { init, timeoutMs, signal })
        // Any body of the endpoint's is a receipt, but a proxy's page is none.
        if (isSuccess(answer) && !answer.garbled) return
        throw isTemporary(answer.status) ? noUsableAnswer(answer) : webhookRefused(answer)
      }
      await circuits.webhooks.run(call, backendHealth)
    },
    circuits: circuits.status,
  }
}

/** What is asked for a token, and how the answer is read; null for another shape. */
interface Question<T> {
  token: string
  parse: (body: unknown) => T | null
}

/**
 * The request of one webhook. `Idempotency-Key` stays the same however often it is sent; the
 * signature covers the time (epoch seconds), so that an old request cannot be replayed for ever.
 */
function webhookRequest(event: WebhookEvent, secret: string | null, now: number): RequestInit {
  const body = JSON.stringify(event.payload)
  const headers = new Headers({ 'content-type': 'application/json', 'idempotency-key': event.id })
  if (secret !== null) {
    const timestamp = String(Math.floor(now / 1000))
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
    headers.set('x-telestore-timestamp', timestamp)
    headers.set('x-telestore-signature', `sha256=${signature}`)
  }
  return { method: 'POST', headers, body }
}

/** Only for requests that change nothing: a second webhook would be a second delivery. */
async function askAgainAfterReset(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (!isConnectionReset(error)) throw error
    return ask()
  }
}

function isTemporary(status: number): boolean {
  return status < 400 || status >= 500 || [408, 425, 429].includes(status)
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

/** A backend that answers with a status of the 400s, or in a refusal's words, is healthy. */
function noUsableAnswer(answer: Answer): AppError {
  const { status, retryAfter } = answer
  const refuses = (status >= 400 && status < 500) || isRefusal(answer)
  const health = refuses ? 'healthy' : 'unhealthy'
  return new BackendUnavailable(`answered with status ${status}`, { retryAfter, health })
}

function webhookRefused({ status, retryAfter }: Answer): AppError {
  return new AppError('INVALID_REQUEST', `The backend refused the webhook with status ${status}`, {
    ...(retryAfter === null ? {} : { retryAfter }),
  })
}

/** One account's broken entry must not shut out all others: it says nothing about the backend. */
function wrongShape(body: unknown): never {
  const health = namesAccount(body) ? 'unknown' : 'unhealthy'
  throw new BackendUnavailable('gave an answer of an unknown shape', { health })
}
