import { type RawAnswer, rawAnswer } from '../call.ts'
import { networkError } from '../error.ts'
import { createSemaphore } from '../lib/semaphore.ts'

export interface SendRequest {
  address: string
  form: FormData
  signal: AbortSignal
  /** Called with the bytes of the request that have left, if the transport can tell. */
  onSent: (bytes: number) => void
  /** Milliseconds without progress until the request fails; in all, where the transport sees no progress. */
  timeoutMs: number
  /** Milliseconds more for which the answer may wait once all bytes have left. */
  heldMs: number
}

/** Posts one form. Rejects with NETWORK or the signal's reason. */
export type Transport = (request: SendRequest) => Promise<RawAnswer>

/**
 * A browser opens six connections to one address over HTTP/1.1, and a request that waits for one
 * looks stalled. This limit leaves two for event streams and small calls.
 */
const MAX_IN_BROWSERS = 4

/** In browsers by XMLHttpRequest, because their fetch cannot tell how much has left. */
export function chooseTransport(fetch: typeof globalThis.fetch): Transport {
  const { XMLHttpRequest } = globalThis as { XMLHttpRequest?: XhrClass }
  if (!XMLHttpRequest) return createFetchTransport(fetch)
  return limited(createXhrTransport(XMLHttpRequest), MAX_IN_BROWSERS)
}

/** Limits how many forms of all uploads are posted at once; the others wait their turn. */
export function limited(transport: Transport, limit: number): Transport {
  const slots = createSemaphore(limit)
  return async (request) => {
    const release = await slots.acquire(request.signal)
    try {
      return await transport(request)
    } finally {
      release()
    }
  }
}

export function createFetchTransport(fetch: typeof globalThis.fetch): Transport {
  return async ({ address, form, signal, timeoutMs, heldMs }) => {
    const timeout = AbortSignal.timeout(timeoutMs + heldMs)
    try {
      const response = await fetch(address, {
        method: 'POST',
        body: form,
        signal: AbortSignal.any([signal, timeout]),
      })
      return await rawAnswer(response)
    } catch (error) {
      signal.throwIfAborted()
      throw networkError(error)
    }
  }
}

/** The used part of XMLHttpRequest: the package is compiled without the types of browsers. */
export interface Xhr {
  readonly status: number
  readonly responseText: string
  readonly upload: {
    onprogress: ((event: { loaded: number }) => void) | null
    onload: (() => void) | null
  }
  onprogress: (() => void) | null
  onload: (() => void) | null
  onerror: (() => void) | null
  open: (method: string, address: string) => void
  send: (form: FormData) => void
  abort: () => void
  getResponseHeader: (name: string) => string | null
}
export type XhrClass = new () => Xhr

export function createXhrTransport(XhrClass: XhrClass): Transport {
  return ({ address, form, signal, onSent, timeoutMs, heldMs }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const xhr = new XhrClass()
      let timer: ReturnType<typeof setTimeout>
      const settle = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: unknown): void => {
        settle()
        xhr.abort()
        reject(error)
      }
      const onAbort = (): void => fail(signal.reason)
      const watchFor = (ms: number): void => {
        clearTimeout(timer)
        timer = setTimeout(() => fail(networkError(new Error('stalled'))), ms)
      }
      const watch = (): void => watchFor(timeoutMs)
      signal.addEventListener('abort', onAbort, { once: true })
      xhr.upload.onprogress = ({ loaded }) => {
        watch()
        onSent(loaded)
      }
      xhr.upload.onload = () => watchFor(timeoutMs + heldMs)
      xhr.onprogress = watch
      xhr.onerror = () => fail(networkError(new Error('XMLHttpRequest failed')))
      xhr.onload = () => {
        settle()
        const retryAfter = xhr.getResponseHeader('retry-after')
        resolve({ status: xhr.status, retryAfter, text: xhr.responseText })
      }
      watch()
      xhr.open('POST', address)
      xhr.send(form)
    })
}
