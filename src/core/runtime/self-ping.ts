import type { Log } from '../ports/log.ts'

export interface SelfPingOptions {
  /** Whether work runs that the host must not suspend. */
  isBusy: () => Promise<boolean>
  /** Sends a request to the worker's own public address. */
  ping: (signal: AbortSignal) => Promise<void>
  /** Milliseconds between two requests. */
  everyMs?: number
  log: Log
}

export interface SelfPing {
  start: () => void
  stop: () => void
}

/** Render's free plan suspends a process after a quarter of an hour without a request from outside. */
const EVERY_MS = 240_000

/**
 * Sends requests to the worker's own public address while a job runs, and only then: a transfer to
 * Telegram is no request, and a host would suspend the process in the middle of it.
 */
export function createSelfPing(options: SelfPingOptions): SelfPing {
  const { isBusy, ping, everyMs = EVERY_MS, log } = options
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined

  async function pingIfBusy(): Promise<void> {
    try {
      if (!(await isBusy())) return
      await ping(stopping.signal)
      log.debug({}, 'called the public address to stay awake')
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, 'the public address does not answer')
    }
  }

  return {
    start: () => {
      timer ??= setInterval(() => void pingIfBusy(), everyMs).unref()
    },
    stop: () => {
      clearInterval(timer)
      stopping.abort(new Error('the worker stops'))
    },
  }
}
