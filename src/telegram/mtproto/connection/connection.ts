import { sleep } from '../../../lib/waiting/sleep.ts'
import { untilAborted } from '../../../lib/waiting/until-aborted.ts'
import { ConnectionError } from '../../errors.ts'
import type { Gramjs, SenderOptions, TlRequest } from './gramjs.ts'

export interface RequestOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds after which the answer is given up. */
  timeoutMs: number
}

/** One open connection. It never reconnects: when it ends, all its requests fail, at once. */
export interface Connection {
  /** Rejects with RpcError, ConnectionError, or the signal's reason. */
  request: <Answer>(request: TlRequest<Answer>, options: RequestOptions) => Promise<Answer>
  readonly authKey: Buffer
  /** Requests that wait for their answers. */
  readonly pending: number
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

  function end(error: Error): void {
    if (ended) return
    ended = error
    sender.close()
    for (const reject of waiting) reject(error)
    waiting.clear()
  }

  const sender = gramjs.createSender({ ...options, onLost: end })
  try {
    await within(sender.connect(), timeoutMs, signal)
  } catch (error) {
    sender.close()
    throw ended ?? error
  }

  return {
    request: (request, { signal: cancelled, timeoutMs: limit }) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended)
        if (cancelled?.aborted) return reject(cancelled.reason)
        const sent = sender.send(request)
        const sentAt = performance.now()
        const settle = (): void => {
          clearTimeout(timer)
          waiting.delete(fail)
          cancelled?.removeEventListener('abort', onAbort)
        }
        const fail = (error: unknown): void => {
          settle()
          sent.abandon()
          reject(error)
        }
        const onAbort = (): void => fail(cancelled?.reason)
        const timer = setTimeout(() => {
          fail(new ConnectionError('timeout'))
          // Not a sound in all that time: nobody is there, and others should not wait to find out.
          if (sender.heardAt < sentAt) end(new ConnectionError('timeout'))
        }, limit)
        waiting.add(fail)
        cancelled?.addEventListener('abort', onAbort, { once: true })
        sent.answer.then(
          (answer) => {
            settle()
            resolve(answer)
          },
          (error: unknown) => {
            settle()
            reject(error)
          },
        )
      }),
    get authKey() {
      return sender.authKey()
    },
    get pending() {
      return waiting.size
    },
    get closed() {
      return ended !== null
    },
    close: (error = new ConnectionError('closed')) => end(error),
  }
}

async function within(work: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController()
  const timeout = sleep(ms, timer.signal).then(
    () => {
      throw new ConnectionError('timeout')
    },
    () => {},
  )
  try {
    await untilAborted(Promise.race([work, timeout]), signal)
  } finally {
    timer.abort()
  }
}
