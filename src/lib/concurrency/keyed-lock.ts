export interface KeyedLock {
  /** Runs `work` after every earlier work under the same key has ended, however it ended. */
  run: <T>(key: string, work: () => Promise<T>) => Promise<T>
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
      const result = before.then(work)
      const tail = result.catch(() => {})
      tails.set(key, tail)
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key)
      })
      return result
    },
  }
}
