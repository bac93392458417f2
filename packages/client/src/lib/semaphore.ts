export interface Semaphore {
  /**
   * Resolves when fewer than `limit` slots are held, first come first served. The returned function
   * gives the slot back, once. Rejects with the signal's reason when it aborts before.
   */
  acquire: (signal: AbortSignal) => Promise<() => void>
}

export function createSemaphore(limit: number): Semaphore {
  let held = 0
  const waiting: (() => void)[] = []

  function take(): () => void {
    held++
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      held--
      waiting.shift()?.()
    }
  }

  return {
    acquire: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        if (held < limit) return resolve(take())
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(grant), 1)
          reject(signal.reason)
        }
        const grant = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(take())
        }
        waiting.push(grant)
        signal.addEventListener('abort', onAbort, { once: true })
      }),
  }
}
