export interface Semaphore {
  /** Resolves when `weight` fits under the limit, first come first served; the returned function gives it back, once. */
  acquire: (weight: number, signal?: AbortSignal) => Promise<() => void>
  /** Like `acquire`, but null at once when it does not fit now. */
  tryAcquire: (weight: number) => (() => void) | null
  /** Changes the limit; weights that are held stay held. */
  setLimit: (limit: number) => void
  readonly limit: number
  readonly held: number
  readonly waiting: number
}

interface Waiter {
  weight: number
  grant: () => void
}

/**
 * A counting semaphore with weights (slots, bytes, requests).
 * A weight above the limit is let in alone, so that nothing waits forever.
 */
export function createSemaphore(initialLimit: number): Semaphore {
  let limit = initialLimit
  let held = 0
  const queue: Waiter[] = []

  const fits = (weight: number): boolean => held === 0 || held + weight <= limit

  function take(weight: number): () => void {
    held += weight
    let given = false
    return () => {
      if (given) return
      given = true
      held -= weight
      wake()
    }
  }

  function wake(): void {
    for (let next = queue[0]; next && fits(next.weight); next = queue[0]) {
      queue.shift()
      next.grant()
    }
  }

  return {
    acquire: (weight, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason)
          return
        }
        if (queue.length === 0 && fits(weight)) {
          resolve(take(weight))
          return
        }
        const onAbort = (): void => {
          queue.splice(queue.indexOf(waiter), 1)
          reject(signal?.reason)
          wake()
        }
        const waiter: Waiter = {
          weight,
          grant: () => {
            signal?.removeEventListener('abort', onAbort)
            resolve(take(weight))
          },
        }
        queue.push(waiter)
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
    tryAcquire: (weight) => (queue.length === 0 && fits(weight) ? take(weight) : null),
    setLimit: (next) => {
      limit = next
      wake()
    },
    get limit() {
      return limit
    },
    get held() {
      return held
    },
    get waiting() {
      return queue.length
    },
  }
}
