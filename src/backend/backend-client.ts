import { createHmac } from 'node:crypto'
import type { Log } from '../core/log.ts'
import type { Credentials, DownloadGrant } from '../core/ports/credentials.ts'
import type { WebhookEvent } from '../core/ports/records.ts'
import { AppError } from '../errors.ts'
import { parseCredentials, parseGrant } from './answers.ts'
import { type Answer, exchange, isConnectionReset, unavailable } from './http-exchange.ts'
import { tokenRefused, toRefusal } from './refusal.ts'
import { isSendableToken } from './token.ts'

export interface BackendClientOptions {
  baseUrl: string
  log: Log
  /** For one exchange, its answer included. */
  timeoutMs?: number
  /** With it, webhooks are signed. */
  webhookSecret?: string | null
  now?: () => number
}

/** The TeleStore backend. Every method may reject with BACKEND_UNAVAILABLE, which may be retried. */
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
}

/** Speaks the three calls of CONTRACT.md section 4. Neither tokens nor answers reach the log. */
export function createBackendClient(options: BackendClientOptions): BackendClient {
  const { log, timeoutMs = 10_000, webhookSecret = null, now = Date.now } = options
  const address = (path: string): URL => new URL(`${options.baseUrl.replace(/\/+$/, '')}${path}`)

  async function ask(path: string, init: RequestInit, token: string): Promise<unknown> {
    if (!isSendableToken(token)) throw tokenRefused()
    const answer = await askAgainAfterReset(() => exchange(address(path), { init, timeoutMs }))
    if (answer.status >= 200 && answer.status < 300) return answer.body
    log.debug({ path, status: answer.status }, 'the backend did not say yes')
    throw toRefusal(answer, token) ?? noUsableAnswer(answer)
  }

  return {
    credentials: async (token) => {
      const init = { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } }
      const body = await ask('/api/worker/credentials', init, token)
      return parseCredentials(body) ?? wrongShape()
    },
    verifyDownloadToken: async (token) => {
      const init = { method: 'POST', body: new URLSearchParams({ token }) }
      const grant = parseGrant(await ask('/api/worker/verify-download-token', init, token))
      if (grant === 'refused') throw tokenRefused()
      return grant ?? wrongShape()
    },
    deliverWebhook: async (event, signal) => {
      const init = webhookRequest(event, webhookSecret, now())
      const answer = await exchange(address('/api/webhook/upload'), { init, timeoutMs, signal })
      if (answer.status >= 200 && answer.status < 300) return
      throw isTemporary(answer.status) ? noUsableAnswer(answer) : webhookRefused(answer)
    },
  }
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

function noUsableAnswer({ status, retryAfter }: Answer): AppError {
  return unavailable(`answered with status ${status}`, { retryAfter })
}

function webhookRefused({ status, retryAfter }: Answer): AppError {
  return new AppError('INVALID_REQUEST', `The backend refused the webhook with status ${status}`, {
    ...(retryAfter === null ? {} : { retryAfter }),
  })
}

function wrongShape(): never {
  throw unavailable('gave an answer of an unknown shape')
}
