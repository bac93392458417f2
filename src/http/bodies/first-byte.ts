import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../connections/client-signal.ts'
import { hasBody } from '../guards/limits.ts'

/**
 * Whether a request has a body with anything in it. Headers may announce one that turns out to be
 * empty, then this waits for its first byte or its end, and takes nothing. Rejects with what is
 * emitted as the request's error, and with ClientLeft.
 */
export function hasFirstByte(request: IncomingMessage): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      request.off('readable', look).off('error', onError).off('close', onClose)
    }
    const onError = (error: Error): void => {
      stop()
      reject(error)
    }
    const onClose = (): void => onError(new ClientLeft())
    const look = (): void => {
      if (request.readableLength === 0 && !request.complete) return
      stop()
      resolve(request.readableLength > 0)
    }
    if (!hasBody(request.headers)) return resolve(false)
    if (request.destroyed && !request.complete) return onClose()
    request.on('readable', look).on('error', onError).on('close', onClose)
    look()
  })
}
