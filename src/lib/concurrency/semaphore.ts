import { abortable } from '../waiting/abortable.ts'

export interface Semaphore {
  /** Resolves when `weight` fits under the limit, first come first served; the returned function gives it back, once. */
  acquire: (weight: number, signal?: AbortSignal) => Promise<() => void>
  /** Like `acquire`, but null at once when it does not fit now. */
  tryAcquire: (weight: number) => (() => void) | null
  /** Changes the limit; what is held already stays held. */
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
  const queue = new Set<Waiter>()

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
    for (const waiter of queue) {
      if (!fits(waiter.weight)) return
      queue.delete(waiter)
      waiter.grant()
    }
  }

  function tryAcquire(weight: number): (() => void) | null {
    return queue.size === 0 && fits(weight) ? take(weight) : null
  }

  return {
    acquire: (weight, signal) =>
      abortable(signal, (resolve) => {
        const release = tryAcquire(weight)
        const waiter = { weight, grant: () => resolve(take(weight)) }
        if (release) resolve(release)
        else queue.add(waiter)
        return () => {
          if (queue.delete(waiter)) wake()
        }
      }),
    tryAcquire,
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
      return queue.size
    },
  }
}
