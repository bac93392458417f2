import { withTimeout } from '../waiting/with-timeout.ts'

export interface PreemptibleLock {
  /**
   * Waits for the key. Its holder is asked to unlock it by `requestUnlock`, and so is each next
   * holder as soon as another caller waits. Resolves with the function that gives the key back, or
   * with null when it was not free in time. Rejects with the signal's reason.
   */
  acquire: (
    key: string,
    requestUnlock: () => void,
    signal?: AbortSignal,
  ) => Promise<(() => void) | null>
  /** The same without a wait: null at once where the key has a holder, who is not asked for it. */
  tryAcquire: (key: string) => Promise<(() => void) | null>
  isHeld: (key: string) => boolean
  /** Asks the key's holder to unlock. Resolves when that one has, or the time is over. */
  requestUnlock: (key: string, signal?: AbortSignal) => Promise<void>
  /** Asks every holder to unlock. */
  requestUnlockAll: () => void
}

interface Holder {
  requestUnlock: () => void
  readonly released: Promise<void>
}

/** Mutual exclusion by key among holders that can be asked to come to an end. */
export function createPreemptibleLock(timeoutMs: number): PreemptibleLock {
  const holders = new Map<string, Holder>()

  function hold(key: string, requestUnlock: () => void): () => void {
    const { promise: released, resolve } = Promise.withResolvers<void>()
    const holder = { requestUnlock, released }
    holders.set(key, holder)
    return () => {
      if (holders.get(key) === holder) holders.delete(key)
      resolve()
    }
  }

  return {
    acquire: async (key, requestUnlock, signal) => {
      const deadline = performance.now() + timeoutMs
      for (let holder = holders.get(key); holder; holder = holders.get(key)) {
        holder.requestUnlock()
        const released = holder.released.then(() => true)
        const ms = Math.max(0, deadline - performance.now())
        if (!(await withTimeout(released, { ms, onTimeout: () => false, signal }))) return null
      }
      return hold(key, requestUnlock)
    },
    tryAcquire: async (key) => (holders.has(key) ? null : hold(key, () => {})),
    isHeld: (key) => holders.has(key),
    requestUnlock: async (key, signal) => {
      const holder = holders.get(key)
      if (!holder) return
      holder.requestUnlock()
      await withTimeout(holder.released, { ms: timeoutMs, onTimeout: () => {}, signal })
    },
    requestUnlockAll: () => {
      for (const holder of holders.values()) holder.requestUnlock()
    },
  }
}
