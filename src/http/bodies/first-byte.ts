import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../connections/client-signal.ts'
import { hasBody } from '../guards/limits.ts'

/**
 * Resolves with whether a request's body has any byte. If the headers announce a body, this waits
 * for its first byte or its end, and leaves the byte unread. Rejects with an error that is emitted
 * on the request, and with ClientLeft.
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
