import type { Log } from '../ports/log.ts'

export interface KeepAwakeOptions {
  /** Whether anything runs that must not be put to sleep. */
  busy: () => Promise<boolean>
  /** Calls the worker's own public address. */
  call: (signal: AbortSignal) => Promise<void>
  /** Milliseconds between two calls. */
  everyMs?: number
  log: Log
}

export interface KeepAwake {
  start: () => void
  stop: () => void
}

/** Render's free plan sleeps after a quarter of an hour without a request from outside. */
const EVERY_MS = 240_000

/**
 * Calls the worker from outside while a job runs, and only then: carrying a file to Telegram counts
 * as no request, and hosts would put the process to sleep over it.
 */
export function createKeepAwake(options: KeepAwakeOptions): KeepAwake {
  const { busy, call, everyMs = EVERY_MS, log } = options
  const leaving = new AbortController()
  let timer: NodeJS.Timeout | undefined

  async function callOnce(): Promise<void> {
    try {
      if (!(await busy())) return
      await call(leaving.signal)
      log.debug({}, 'called the public address to stay awake')
    } catch (error) {
      if (!leaving.signal.aborted) log.warn({ err: error }, 'the public address does not answer')
    }
  }

  return {
    start: () => {
      timer ??= setInterval(() => void callOnce(), everyMs).unref()
    },
    stop: () => {
      clearInterval(timer)
      leaving.abort(new Error('the worker is leaving'))
    },
  }
}
