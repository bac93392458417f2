import { BackendUnavailable } from './unavailable.ts'

const MAX_RETRY_AFTER = 24 * 3600
const MAX_ANSWER_BYTES = 64 * 1024

export interface Answer {
  readonly status: number
  /** The parsed JSON, or undefined when the answer was something else. */
  readonly body: unknown
  /** Whether it is a page, or JSON that is broken: then a proxy speaks, or somebody cut it short. */
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
 * to an address that nobody configured. Rejects with BACKEND_UNAVAILABLE when no whole answer came.
 */
export async function exchange(url: URL, options: ExchangeOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  try {
    const response = await fetch(url, { ...options.init, redirect: 'manual', signal })
    const body = parseJson(await readText(response))
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

async function readText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.body ?? []) {
    size += piece.length
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parseRetryAfter(value: string | null): number | null {
  if (value === null) return null
  const seconds = /^\d+$/.test(value)
    ? Number(value)
    : Math.ceil((Date.parse(value) - Date.now()) / 1000)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER) : null
}
