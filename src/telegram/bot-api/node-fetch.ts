import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { readBounded } from '../../lib/read-bounded.ts'
import {
  connected,
  createWatchdog,
  type ExchangeTimeouts,
  openRequest,
  type Watchdog,
} from './http-request.ts'

/** What is known of one exchange, also after it failed. */
export interface ExchangeTrace {
  /** True from just before the last piece of the body is handed over: the other side may act on it. */
  complete: boolean
  status: number | null
}

export interface NodeFetchOptions {
  timeouts: ExchangeTimeouts
  trace: ExchangeTrace
  maxAnswerBytes: number
  /** Sent as `Content-Length` with a streamed body; the body must have exactly so many bytes. */
  contentLength?: number
  /** Called with each piece that the socket has taken, and with the bytes it has taken so far. */
  onSent?: (piece: Uint8Array, bytes: number) => void
  /** Called before the last piece of the body goes out, which waits for it. */
  onLastPiece?: () => Promise<void>
}

/**
 * A `fetch` on node:http(s) for one exchange: with undici's, a body of 256 MB costs 280 MB of
 * memory and a twelfth of the speed. The body is written with back-pressure. An answer that comes
 * before the body's end stops the body. Each exchange has a connection of its own, so that a
 * failure is never that of a reused connection that was dead already.
 */
export function createNodeFetch(options: NodeFetchOptions): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const request = openRequest(url, requestOf(init, options.contentLength))
    const watchdog = createWatchdog(request, options.timeouts)
    const answer = receiveAnswer(request, watchdog, options)
    try {
      // The answer wins over the body: it may come early, and its failure ends both.
      await Promise.race([answer, writeBody(request, init.body, watchdog, options)])
      return await answer
    } finally {
      watchdog.stop()
      request.destroy()
      answer.catch(() => {})
    }
  }
}

function requestOf(init: RequestInit, contentLength: number | undefined): RequestOptions {
  const headers = Object.fromEntries(new Headers(init.headers))
  if (contentLength !== undefined) headers['content-length'] = String(contentLength)
  const { method = 'GET', signal } = init
  return { method, headers, ...(signal ? { signal } : {}) }
}

async function writeBody(
  request: ClientRequest,
  body: RequestInit['body'],
  watchdog: Watchdog,
  { trace, contentLength, onSent, onLastPiece }: NodeFetchOptions,
): Promise<void> {
  await connected(request)
  if (request.destroyed) return
  watchdog.expect('stallMs')
  if (!(body instanceof ReadableStream)) {
    trace.complete = true
    request.end(body instanceof URLSearchParams ? body.toString() : undefined)
    return
  }
  let sent = 0
  for await (const piece of body as ReadableStream<Uint8Array>) {
    if (request.destroyed) return
    if (sent + piece.length >= (contentLength ?? 0) && !trace.complete) {
      await onLastPiece?.()
      if (request.destroyed) return
      trace.complete = true
    }
    if (!request.write(piece)) await drained(request)
    if (request.destroyed) return
    sent += piece.length
    watchdog.expect('stallMs')
    onSent?.(piece, sent)
  }
  if (contentLength !== undefined && sent !== contentLength) {
    throw new Error(`the body has ${sent} bytes instead of ${contentLength}`)
  }
  request.end()
  watchdog.expect('answerMs')
}

/** Resolves when the socket has room again, or never will have. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done)
      request.off('close', done)
      resolve()
    }
    request.on('drain', done)
    request.on('close', done)
  })
}

async function receiveAnswer(
  request: ClientRequest,
  watchdog: Watchdog,
  { timeouts, trace, maxAnswerBytes }: NodeFetchOptions,
): Promise<Response> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    // Stays on: once an answer is here, the broken pipe of a body that is not read is no failure.
    request.on('error', reject)
    request.once('close', () => reject(new Error('the connection closed without an answer')))
  })
  const status = message.statusCode ?? 0
  trace.status = status
  watchdog.expectEnd(timeouts.answerMs)
  const bytes = await readBounded(watched(message, watchdog), maxAnswerBytes)
  if (bytes === null) throw new Error(`an answer of more than ${maxAnswerBytes} bytes`)
  const headers = new Headers()
  for (const [name, value] of Object.entries(message.headers)) {
    if (typeof value === 'string') headers.set(name, value)
  }
  const mayHaveBody = status >= 200 && status !== 204 && status !== 304
  return new Response(mayHaveBody ? bytes : null, { status, headers })
}

async function* watched(
  message: AsyncIterable<Buffer>,
  watchdog: Watchdog,
): AsyncGenerator<Buffer> {
  for await (const piece of message) {
    watchdog.expect('stallMs')
    yield piece
  }
}
