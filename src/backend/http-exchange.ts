import { readBounded } from '../lib/read-bounded.ts'
import { parseRetryAfter } from '../lib/retry-after.ts'
import { KiB } from '../lib/units.ts'
import { BackendUnavailable } from './unavailable.ts'

const MAX_ANSWER_BYTES = 64 * KiB

export interface Answer {
  readonly status: number
  /** The parsed JSON, or undefined when the answer was something else. */
  readonly body: unknown
  /** Whether it is a page, or broken JSON: then it comes from a proxy, or was cut short. */
  readonly garbled: boolean
  /** Seconds, from `Retry-After`. */
  readonly retryAfter: number | null
}

export interface ExchangeOptions {
  init: RequestInit
  /** For the whole exchange, the body included. */
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/**
 * One HTTP exchange whose answer is small. Redirects are not followed: they would carry the token
 * to an address that is not configured. Rejects with BACKEND_UNAVAILABLE when no whole answer came.
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  try {
    const response = await fetch(url, { ...options.init, redirect: 'manual', signal })
    const bytes = await readBounded(response.body, MAX_ANSWER_BYTES)
    if (bytes === null) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    const body = parseJson(bytes.toString())
    const type = response.headers.get('content-type') ?? ''
    return {
      status: response.status,
      body,
      garbled: /\bhtml\b/.test(type) || (/\bjson\b/.test(type) && body === undefined),
      retryAfter: parseRetryAfter(response.headers.get('retry-after')),
    }
  } catch (error) {
    options.signal?.throwIfAborted()
    throw timeout.aborted
      ? new BackendUnavailable('took too long', { cause: error, health: 'silent' })
      : new BackendUnavailable('cannot be reached', { cause: error })
  }
}

/** Whether the other side cut the connection: the usual end of an idle keep-alive connection. */
export function isConnectionReset(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    const code = 'code' in current ? current.code : undefined
    if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return true
  }
  return false
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
