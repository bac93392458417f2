import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../connections/client-signal.ts'
import { hasBody } from '../guards/limits.ts'

/**
 * Resolves with true if the body of a request has at least one byte. It waits until the first byte
 * has come, which stays unread, or until the body has ended. Rejects with ClientLeft if the client
 * leaves before that, and with the error of `failBody` if the request is ended.
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
