export interface PreemptibleLock {
  /**
   * Waits for the key. Whoever holds it is asked to let go; so will be whoever gets it, as soon
   * as another waits. Resolves with the function that gives the key back, or with null when it
   * was not free within the patience. Rejects with the signal's reason.
   */
  acquire: (
    key: string,
    requestUnlock: () => void,
    signal?: AbortSignal,
  ) => Promise<(() => void) | null>
  /** Asks every holder to let go. */
  requestUnlockAll: () => void
}

interface Holder {
  requestUnlock: () => void
  readonly released: Promise<void>
}

/** Mutual exclusion by key among holders that can be asked to come to an end. */
export function createPreemptibleLock(patienceMs: number): PreemptibleLock {
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
      const patience = AbortSignal.timeout(patienceMs)
      for (let holder = holders.get(key); holder; holder = holders.get(key)) {
        holder.requestUnlock()
        await settledOrAborted(holder.released, [patience, ...(signal ? [signal] : [])])
        signal?.throwIfAborted()
        if (patience.aborted && holders.has(key)) return null
      }
      return hold(key, requestUnlock)
    },
    requestUnlockAll: () => {
      for (const holder of holders.values()) holder.requestUnlock()
    },
  }
}

function settledOrAborted(settled: Promise<void>, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const signal of signals) signal.removeEventListener('abort', done)
      resolve()
    }
    for (const signal of signals) {
      if (signal.aborted) return done()
      signal.addEventListener('abort', done, { once: true })
    }
    void settled.then(done)
  })
}
