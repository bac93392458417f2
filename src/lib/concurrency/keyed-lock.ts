export interface KeyedLock {
  /**
   * Runs `work` after every earlier work under the same key has ended, however it ended. Its signal
   * aborts when the key is lost, which only a lock that others share can be.
   */
  run: <T>(key: string, work: (lost: AbortSignal) => Promise<T>) => Promise<T>
  /** Whether any work has the key, or waits for it. */
  isHeld: (key: string) => boolean
}

/** Mutual exclusion by key. A key that is free takes no memory. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>()

  return {
    isHeld: (key) => tails.has(key),
    run: (key, work) => {
      const before = tails.get(key) ?? Promise.resolve()
      // One for each: a signal that lives for ever keeps a trace of every one that is made of it.
      const result = before.then(() => work(new AbortController().signal))
      const tail = result.catch(() => {})
      tails.set(key, tail)
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
      return result
    },
  }
}
