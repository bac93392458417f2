import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../../connections/client-signal.ts'

export interface RequestBody {
  /**
   * Read only as fast as the consumer takes them. Throws an error that is emitted on the request,
   * or ClientLeft. Ends after `stop`.
   */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>
  /** Leaves the rest unread; the error handler drains it before the answer. */
  stop: () => void
}

/**
 * The body of a request. Unlike Node's own iterator it leaves the connection open when the consumer
 * stops early, so that a refusal can still be sent.
 */
export function openRequestBody(request: IncomingMessage): RequestBody {
  let wake = (): void => {}
  let failure: Error | null = null
  let stopped = false
  const onChange = (): void => wake()
  const onError = (error: Error): void => {
    failure ??= error
    wake()
  }
  const onClose = (): void => {
    if (!request.complete) failure ??= new ClientLeft()
    wake()
  }
  if (request.destroyed) onClose()
  request.on('readable', onChange).on('end', onChange).on('error', onError).on('close', onClose)

  async function* read(): AsyncGenerator<Buffer, void, undefined> {
    while (!stopped) {
      if (failure) throw failure
      const bytes: Buffer | null = request.read()
      if (bytes !== null) yield bytes
      else if (request.readableEnded) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  return {
    bytes: read(),
    stop: () => {
      stopped = true
      request.off('readable', onChange).off('end', onChange)
      request.off('error', onError).off('close', onClose)
      wake()
    },
  }
}
