/** Places on the road to the worker: so many files at once, the others wait their turn. */
export interface Lanes {
  /** How many are on the road. */
  readonly busy: number
  /** How many wait, the held back ones left out. */
  readonly waiting: number
  /** Resolves when it is this one's turn; rejects when it leaves before. */
  enter: (id: string, held: boolean) => Promise<void>
  /** A held one lets the others pass. */
  hold: (id: string, held: boolean) => void
  leave: (id: string) => void
}

interface Waiting {
  held: boolean
  go: () => void
  giveUp: (reason: Error) => void
}

export function createLanes(limit: number): Lanes {
  const inside = new Set<string>()
  const waiting = new Map<string, Waiting>()

  function fill(): void {
    for (const [id, { held, go }] of waiting) {
      if (inside.size >= limit) return
      if (held) continue
      waiting.delete(id)
      inside.add(id)
      go()
    }
  }

  return {
    get busy() {
      return inside.size
    },
    get waiting() {
      return [...waiting.values()].filter(({ held }) => !held).length
    },
    enter: (id, held) =>
      new Promise((go, giveUp) => {
        waiting.set(id, { held, go, giveUp })
        fill()
      }),
    hold: (id, held) => {
      const place = waiting.get(id)
      if (place) place.held = held
      fill()
    },
    leave: (id) => {
      inside.delete(id)
      waiting.get(id)?.giveUp(new Error('gave its place up'))
      waiting.delete(id)
      fill()
    },
  }
}
