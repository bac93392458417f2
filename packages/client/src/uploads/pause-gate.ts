/** Runs work while it is not paused. A pause aborts the work that is running. */
export interface PauseGate {
  pause: () => void
  resume: () => void
  /** Runs `work` now, or after `resume`. Work that a pause has aborted runs again after `resume`. */
  run: <T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>
}

export function createPauseGate(): PauseGate {
  const pausedError = new Error('the upload was paused')
  let pausing = new AbortController()
  let waiting: (() => void)[] = []

  function whenRunning(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (!pausing.signal.aborted) return resolve()
      const onAbort = (): void => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.push(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }

  return {
    pause: () => pausing.abort(pausedError),
    resume: () => {
      if (!pausing.signal.aborted) return
      pausing = new AbortController()
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    },
    run: async (work, signal) => {
      for (;;) {
        await whenRunning(signal)
        const either = AbortSignal.any([signal, pausing.signal])
        try {
          return await work(either)
        } catch (error) {
          signal.throwIfAborted()
          if (error !== pausedError) throw error
        }
      }
    },
  }
}
