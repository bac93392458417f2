/** Counts by key; a key that counts nothing takes no memory. */
export interface KeyCounts {
  of: (key: string) => number
  /** Counts one more; the returned function takes it back, once. */
  add: (key: string) => () => void
  /** Over all keys. */
  readonly total: number
  /** How many keys count anything. */
  readonly keys: number
}

export function createKeyCounts(): KeyCounts {
  const counts = new Map<string, number>()
  let total = 0

  const of = (key: string): number => counts.get(key) ?? 0

  function change(key: string, by: 1 | -1): void {
    total += by
    const count = of(key) + by
    if (count === 0) counts.delete(key)
    else counts.set(key, count)
  }

  return {
    of,
    add: (key) => {
      change(key, 1)
      let taken = false
      return () => {
        if (!taken) change(key, -1)
        taken = true
      }
    },
    get total() {
      return total
    },
    get keys() {
      return counts.size
    },
  }
}
