/** Lets callers through, makes them wait, or turns them away. Shut at first. */
export interface Gate {
  /** Resolves while it is open; rejects with the reason it was barred for, or the signal's. */
  pass: (signal: AbortSignal) => Promise<void>
  open: () => void
  /** Turns away those who wait and those who come, until it is opened. */
  bar: (reason: Error) => void
  readonly isOpen: boolean
}

interface Waiter {
  resolve: () => void
  reject: (reason: unknown) => void
}

export function createGate(): Gate {
  const waiting = new Set<Waiter>()
  let state: 'shut' | 'open' | Error = 'shut'

  function wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(waiter)
        signal.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => waiter.reject(signal.reason)
      const waiter: Waiter = {
        resolve: () => {
          leave()
          resolve()
        },
        reject: (reason) => {
          leave()
          reject(reason)
        },
      }
      waiting.add(waiter)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  return {
    pass: async (signal) => {
      signal.throwIfAborted()
      if (state instanceof Error) throw state
      if (state === 'shut') await wait(signal)
    },
    open: () => {
      state = 'open'
      for (const waiter of [...waiting]) waiter.resolve()
    },
    bar: (reason) => {
      state = reason
      for (const waiter of [...waiting]) waiter.reject(reason)
    },
    get isOpen() {
      return state === 'open'
    },
  }
}
