/** Lets work through, or holds it back and stops what is on its way. */
export interface PauseGate {
  readonly closed: boolean
  close: () => void
  open: () => void
  /** Runs `work` while the gate is open; stopped by the gate, it runs again once it opens. */
  pass: <T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>
}

export function createPauseGate(): PauseGate {
  const held = new Error('held back by the gate')
  let closing = new AbortController()
  let waiting: (() => void)[] = []

  function whenOpen(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (!closing.signal.aborted) return resolve()
      const onAbort = (): void => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      waiting.push(() => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }

  return {
    get closed() {
      return closing.signal.aborted
    },
    close: () => closing.abort(held),
    open: () => {
      if (!closing.signal.aborted) return
      closing = new AbortController()
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    },
    pass: async (work, signal) => {
      for (;;) {
        await whenOpen(signal)
        const either = AbortSignal.any([signal, closing.signal])
        try {
          return await work(either)
        } catch (error) {
          signal.throwIfAborted()
          if (error !== held) throw error
        }
      }
    },
  }
}
