import type { IncomingMessage } from 'node:http'

export interface DrainOptions {
  /** Bytes to throw away at the most. */
  maxBytes: number
  /** Milliseconds to do it in. */
  maxMs: number
}

/**
 * Reads the rest of a request's body and throws it away.
 *
 * A browser that is still sending when the answer comes and the connection closes reports a
 * network error and never shows the answer. Resolves when the body has ended, the client is gone,
 * or a bound is reached; never rejects.
 */
export function drain(request: IncomingMessage, { maxBytes, maxMs }: DrainOptions): Promise<void> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve()
    let left = maxBytes
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', onData).off('end', done).off('close', done).off('error', done)
      resolve()
    }
    const onData = (bytes: Buffer): void => {
      left -= bytes.length
      if (left < 0) done()
    }
    const timer = setTimeout(done, maxMs)
    // Flowing mode on purpose: no byte is kept, so no back-pressure is needed.
    request.unpipe()
    request.on('data', onData).on('end', done).on('close', done).on('error', done)
    request.resume()
  })
}
