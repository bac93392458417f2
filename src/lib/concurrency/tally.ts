import { createCondition } from '../waiting/condition.ts'

/** Counts what runs, so that its end can be waited for. */
export interface Tally {
  /** One more; the returned function takes it back, once. */
  enter: () => () => void
  readonly count: number
  /** Resolves when nothing runs; at once when nothing does. */
  none: () => Promise<void>
}

export function createTally(): Tally {
  const changes = createCondition()
  let count = 0

  return {
    enter: () => {
      count++
      let left = false
      return () => {
        if (left) return
        left = true
        count--
        changes.changed()
      }
    },
    get count() {
      return count
    },
    none: async () => {
      await changes.until(() => count === 0)
    },
  }
}
