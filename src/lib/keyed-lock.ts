export interface KeyedLock {
  /** Runs `work` after every earlier work under the same key has ended, however it ended. */
  run: <T>(key: string, work: () => Promise<T>) => Promise<T>
}

/** Mutual exclusion by key. A key that nobody holds takes no memory. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>()

  return {
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
