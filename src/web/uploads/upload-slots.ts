/** Limits how many files are sent to the worker at once; the others wait their turn. */
export interface UploadSlots {
  /** How many files have a slot. */
  readonly active: number
  /** How many files wait, without the paused ones. */
  readonly waiting: number
  /** Resolves when this file has a slot. Rejects when it is released before. */
  acquire: (id: string, paused: boolean) => Promise<void>
  /** A paused file that waits lets the others pass. */
  setPaused: (id: string, paused: boolean) => void
  release: (id: string) => void
}

interface Waiting {
  paused: boolean
  resolve: () => void
  reject: (reason: Error) => void
}

export function createUploadSlots(limit: number): UploadSlots {
  const active = new Set<string>()
  const waiting = new Map<string, Waiting>()

  function fill(): void {
    for (const [id, { paused, resolve }] of waiting) {
      if (active.size >= limit) return
      if (paused) continue
      waiting.delete(id)
      active.add(id)
      resolve()
    }
  }

  return {
    get active() {
      return active.size
    },
    get waiting() {
      return [...waiting.values()].filter(({ paused }) => !paused).length
    },
    acquire: (id, paused) =>
      new Promise((resolve, reject) => {
        waiting.set(id, { paused, resolve, reject })
        fill()
      }),
    setPaused: (id, paused) => {
      const entry = waiting.get(id)
      if (entry) entry.paused = paused
      fill()
    },
    release: (id) => {
      active.delete(id)
      waiting.get(id)?.reject(new Error('the slot was released'))
      waiting.delete(id)
      fill()
    },
  }
}
