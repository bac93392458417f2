import type { IncomingMessage } from 'node:http'
import { ClientLeft } from '../../connections/client-signal.ts'

export interface RequestBody {
  /**
   * Read as fast as they are taken. Throws what is emitted as the request's error, or ClientLeft;
   * ends after `stop`.
   */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>
  /** Leaves the rest unread, for the answer's sake to be thrown away. */
  stop: () => void
}

/**
 * The body of a request. Unlike Node's own iterator it leaves the connection open when nobody takes
 * any more, so that a refusal still goes out on it.
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
