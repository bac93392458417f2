export interface FairSlots {
  /**
   * Resolves once a slot is free and it is the group's turn; the returned function gives the slot
   * back, once. Rejects with the signal's reason.
   */
  acquire: (group: string, signal: AbortSignal) => Promise<() => void>
  readonly held: number
  readonly waiting: number
}

interface Group {
  held: number
  /** First come, first served. */
  readonly waiters: (() => void)[]
  /** When it began to wait, or had its last turn: a count that only goes up. */
  since: number
}

/**
 * A number of slots that groups take in turns. A free slot goes to the group that holds the fewest;
 * among equals to the one that has waited longest since its last turn. So whoever brings one piece
 * of work waits for one turn of each other group at most, however much those have brought, and a
 * group that is alone has all slots. What is remembered of a group ends with its last piece of work.
 */
export function createFairSlots(limit: number): FairSlots {
  const groups = new Map<string, Group>()
  let held = 0
  let turns = 0

  function groupOf(name: string): Group {
    const group = groups.get(name) ?? { held: 0, waiters: [], since: ++turns }
    groups.set(name, group)
    return group
  }

  function forgetIdle(name: string, group: Group): void {
    if (group.held === 0 && group.waiters.length === 0) groups.delete(name)
  }

  function take(name: string, group: Group): () => void {
    held++
    group.held++
    group.since = ++turns
    let given = false
    return () => {
      if (given) return
      given = true
      held--
      group.held--
      group.since = ++turns
      forgetIdle(name, group)
      if (held < limit) nextGroup()?.waiters.shift()?.()
    }
  }

  function nextGroup(): Group | null {
    let next: Group | null = null
    for (const group of groups.values()) {
      if (group.waiters.length > 0 && (next === null || isBefore(group, next))) next = group
    }
    return next
  }

  return {
    acquire: (name, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const group = groupOf(name)
        if (held < limit) return resolve(take(name, group))
        const onAbort = (): void => {
          group.waiters.splice(group.waiters.indexOf(onTurn), 1)
          forgetIdle(name, group)
          reject(signal.reason)
        }
        const onTurn = (): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(take(name, group))
        }
        if (group.waiters.length === 0) group.since = ++turns
        group.waiters.push(onTurn)
        signal.addEventListener('abort', onAbort, { once: true })
      }),
    get held() {
      return held
    },
    get waiting() {
      let waiting = 0
      for (const { waiters } of groups.values()) waiting += waiters.length
      return waiting
    },
  }
}

function isBefore(one: Group, other: Group): boolean {
  return one.held === other.held ? one.since < other.since : one.held < other.held
}
