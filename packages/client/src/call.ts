import { networkError, TeleStoreError } from './error.ts'
import type { ClientOptions } from './options.ts'

/** Status, text and Retry-After of an answer, of `fetch` or of XMLHttpRequest. */
export interface RawAnswer {
  status: number
  retryAfter: string | null
  text: string
}

export interface CallInit {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON; a Blob as it is, by its type. */
  body?: object
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
}

/** Speaks HTTP with one worker. Rejects with TeleStoreError, or the signal's reason. */
export interface Caller {
  /** The full address of a path, which begins with a slash. */
  address: (path: string) => string
  token: () => Promise<string>
  fetch: typeof globalThis.fetch
  /** Resolves with any answer, also an error, with its body unread. Sends the token in the header. */
  open: (path: string, init?: CallInit) => Promise<Response>
  /** Resolves with the JSON object of a 2xx answer, empty for 204. Rejects for any other. */
  json: (path: string, init?: CallInit) => Promise<Record<string, unknown>>
}

/** The timeout of a call that carries no bytes of a file. */
const CALL_TIMEOUT_MS = 60_000

export function createCaller(options: ClientOptions): Caller {
  const root = rootOf(options.url)
  // Browsers refuse to call their fetch unbound.
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis)

  async function token(): Promise<string> {
    return typeof options.token === 'function' ? options.token() : options.token
  }

  async function open(path: string, { method, body, headers, signal }: CallInit = {}) {
    const init: RequestInit = {
      method: method ?? 'GET',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${await token()}`,
        ...(body !== undefined && { 'content-type': typeOf(body) }),
        ...headers,
      },
      ...(body !== undefined && { body: body instanceof Blob ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    }
    try {
      return await fetch(`${root}${path}`, init)
    } catch (error) {
      signal?.throwIfAborted()
      throw networkError(error)
    }
  }

  return {
    address: (path) => `${root}${path}`,
    token,
    fetch,
    open,
    json: async (path, init = {}) => {
      const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)
      const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
      try {
        const response = await open(path, { ...init, signal })
        return readAnswer(await rawAnswer(response))
      } catch (error) {
        init.signal?.throwIfAborted()
        throw networkError(error)
      }
    },
  }
}

function typeOf(body: object): string {
  return body instanceof Blob ? body.type : 'application/json'
}

/** In a browser the address may be relative to the page. Throws TypeError when it is no address. */
function rootOf(url: string): string {
  const page: { href: string } | undefined = Reflect.get(globalThis, 'location')
  if (!URL.canParse(url, page?.href) || !/^https?:$/.test(new URL(url, page?.href).protocol)) {
    throw new TypeError(`url: expected an address such as https://worker.example, not "${url}"`)
  }
  return url.replace(/\/+$/, '')
}

export async function rawAnswer(response: Response): Promise<RawAnswer> {
  const retryAfter = response.headers.get('retry-after')
  return { status: response.status, retryAfter, text: await response.text() }
}

/** Returns the JSON object of a 2xx answer, empty for 204. Throws TeleStoreError for any other. */
export function readAnswer(answer: RawAnswer): Record<string, unknown> {
  if (answer.status === 204) return {}
  const body = parseObject(answer.text)
  if (answer.status >= 200 && answer.status < 300 && body !== null) return body
  throw toError(answer, body)
}

/** The error that an answer stands for. */
export function toError(
  { status, retryAfter }: RawAnswer,
  body: Record<string, unknown> | null,
): TeleStoreError {
  const options = { status, retryAfter: secondsOf(retryAfter) }
  const { error, code, ...details } = body ?? {}
  if (typeof code !== 'string' || typeof error !== 'string') {
    const sentence = `The address does not answer as a worker does (status ${status})`
    return new TeleStoreError('BAD_ANSWER', sentence, { ...options, details: body ?? {} })
  }
  return new TeleStoreError(code, error, { ...options, details })
}

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). */
function secondsOf(header: string | null): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000))
}
