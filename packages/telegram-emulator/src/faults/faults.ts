import { concerns, type FaultEffect, type FaultRule, type FaultTarget } from './rules.ts'

/** The rules in force. */
export interface Faults {
  /** Returns the rule's number, for `remove`. */
  add: (rule: FaultRule) => number
  remove: (id: number) => void
  clear: () => void
  /** The effects on one call, which counts as matched by asking. */
  match: (target: FaultTarget) => FaultEffect[]
  list: () => { id: number; rule: FaultRule; met: number }[]
}

interface ActiveRule {
  rule: FaultRule
  seen: number
  met: number
  random: () => number
}

export function createFaults(): Faults {
  const active = new Map<number, ActiveRule>()
  let lastId = 0

  function meets(entry: ActiveRule): boolean {
    const { rule } = entry
    entry.seen++
    if (entry.seen <= (rule.after ?? 0)) return false
    if (entry.met >= (rule.times ?? Number.POSITIVE_INFINITY)) return false
    if (rule.probability !== undefined && entry.random() >= rule.probability) return false
    entry.met++
    return true
  }

  return {
    add: (rule) => {
      lastId++
      active.set(lastId, { rule, seen: 0, met: 0, random: createRandom(rule.seed ?? 1) })
      return lastId
    },
    remove: (id) => void active.delete(id),
    clear: () => active.clear(),
    match: (target) =>
      [...active.values()]
        .filter((entry) => concerns(entry.rule, target) && meets(entry))
        .map((entry) => entry.rule.effect),
    list: () => [...active].map(([id, { rule, met }]) => ({ id, rule, met })),
  }
}

/** Mulberry32: small, and the same everywhere for one seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
