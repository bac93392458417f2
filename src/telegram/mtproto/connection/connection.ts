import { abortable } from '../../../lib/waiting/abortable.ts'
import { withTimeout } from '../../../lib/waiting/with-timeout.ts'
import { ConnectionError } from '../../errors.ts'
import type { Gramjs, SenderOptions, TlRequest } from './gramjs.ts'

export interface RequestOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds after which the answer is given up. */
  timeoutMs: number
  /** How much it brings or carries, in parts of 512 KB; 1 by default. */
  parts?: number | undefined
}

/** One open connection. It never reconnects: when it ends, all its requests fail, at once. */
export interface Connection {
  /** Rejects with RpcError, ConnectionError, or the signal's reason. */
  request: <Answer>(request: TlRequest<Answer>, options: RequestOptions) => Promise<Answer>
  readonly authKey: Buffer
  /** Parts of the requests that wait for their answers. */
  readonly pendingParts: number
  readonly closed: boolean
  /** Fails what is pending with the error, or with `closed`. */
  close: (error?: Error) => void
}

export type ConnectionOptions = Omit<SenderOptions, 'onLost'> & {
  gramjs: Gramjs
  timeoutMs: number
}

/** Connects, within `timeoutMs`. Rejects with ConnectionError or the signal's reason. */
export async function openConnection(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection> {
  const { gramjs, timeoutMs } = options
  const waiting = new Set<(error: Error) => void>()
  let ended: Error | null = null
  let pendingParts = 0

  function end(error: Error): void {
    if (ended) return
    ended = error
    sender.close()
    for (const reject of waiting) reject(error)
    waiting.clear()
  }

  const sender = gramjs.createSender({ ...options, onLost: end })
  try {
    await withTimeout(sender.connect(), {
      ms: timeoutMs,
      signal,
      onTimeout: () => {
        throw new ConnectionError('timeout')
      },
    })
  } catch (error) {
    sender.close()
    throw ended ?? error
  }

  return {
    request: (request, { signal: cancelled, timeoutMs: limit, parts = 1 }) =>
      abortable(cancelled, (resolve, reject) => {
        if (ended) {
          reject(ended)
          return () => {}
        }
        const sent = sender.send(request)
        const sentAt = performance.now()
        const timer = setTimeout(() => {
          reject(new ConnectionError('timeout'))
          // Nothing came in all that time: no server is there, and other calls need not wait to find out.
          if (sender.heardAt < sentAt) end(new ConnectionError('timeout'))
        }, limit)
        waiting.add(reject)
        pendingParts += parts
        sent.answer.then(resolve, reject)
        return () => {
          clearTimeout(timer)
          waiting.delete(reject)
          pendingParts -= parts
          sent.abandon()
        }
      }),
    get authKey() {
      return sender.authKey()
    },
    get pendingParts() {
      return pendingParts
    },
    get closed() {
      return ended !== null
    },
    close: (error = new ConnectionError('closed')) => end(error),
  }
}
