/** Counts what runs, so that somebody can wait for its end. */
export interface Tally {
  /** One more; the returned function takes it back, once. */
  enter: () => () => void
  readonly count: number
  /** Resolves when nothing runs; at once when nothing does. */
  none: () => Promise<void>
}

export function createTally(): Tally {
  let count = 0
  let waiting: (() => void)[] = []

  function leave(): void {
    if (--count > 0) return
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  return {
    enter: () => {
      count++
      let left = false
      return () => {
        if (!left) leave()
        left = true
      }
    },
    get count() {
      return count
    },
    none: async () => {
      while (count > 0) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}
