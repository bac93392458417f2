import { abortable } from '../waiting/abortable.ts'

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
  readonly waiters: Set<() => void>
  /** When it began to wait, or had its last turn: a count that only goes up. */
  since: number
}

/**
 * A number of slots that groups take in turns. A free slot goes to the group that holds the fewest;
 * among equals to the one that has waited longest since its last turn. So a group with one piece of
 * work waits for one turn of each other group at most, however much work those have, and a group
 * that is alone has all slots. A group is forgotten with the end of its last piece of work.
 */
export function createFairSlots(limit: number): FairSlots {
  const groups = new Map<string, Group>()
  let held = 0
  let turns = 0

  function groupOf(name: string): Group {
    const group = groups.get(name) ?? { held: 0, waiters: new Set(), since: ++turns }
    groups.set(name, group)
    return group
  }

  function forgetIdle(name: string, group: Group): void {
    if (group.held === 0 && group.waiters.size === 0) groups.delete(name)
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
      if (held < limit) serveNext()
    }
  }

  function serveNext(): void {
    const group = nextGroup()
    if (group === null) return
    const [first] = group.waiters
    if (first === undefined) return
    group.waiters.delete(first)
    first()
  }

  function nextGroup(): Group | null {
    let next: Group | null = null
    for (const group of groups.values()) {
      if (group.waiters.size > 0 && (next === null || isBefore(group, next))) next = group
    }
    return next
  }

  return {
    acquire: (name, signal) =>
      abortable(signal, (resolve) => {
        const group = groupOf(name)
        const onTurn = (): void => resolve(take(name, group))
        if (held < limit) onTurn()
        else {
          if (group.waiters.size === 0) group.since = ++turns
          group.waiters.add(onTurn)
        }
        return () => {
          if (group.waiters.delete(onTurn)) forgetIdle(name, group)
        }
      }),
    get held() {
      return held
    },
    get waiting() {
      let waiting = 0
      for (const { waiters } of groups.values()) waiting += waiters.size
      return waiting
    },
  }
}

function isBefore(one: Group, other: Group): boolean {
  return one.held === other.held ? one.since < other.since : one.held < other.held
}
