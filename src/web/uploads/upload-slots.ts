/**
 * Limits how many files are sent to the worker at once; the others wait their turn. Large ones take all
 * places but one: they may wait for hours until Telegram has caught up with them.
 */
export interface UploadSlots {
  /** How many files have a slot. */
  readonly active: number
  /** How many files wait, without the paused ones. */
  readonly waiting: number
  /** Resolves when this file has a slot. Rejects when it is released before. */
  acquire: (file: SlotRequest) => Promise<void>
  /** A paused file that waits lets the others pass. */
  setPaused: (id: string, paused: boolean) => void
  release: (id: string) => void
}

export interface SlotRequest {
  id: string
  paused: boolean
  isLarge: boolean
}

interface Waiting {
  paused: boolean
  isLarge: boolean
  resolve: () => void
  reject: (reason: Error) => void
}

export function createUploadSlots(limit: number): UploadSlots {
  /** By its id, whether a file is a large one. */
  const active = new Map<string, boolean>()
  const waiting = new Map<string, Waiting>()

  const largeOnes = (): number => [...active.values()].filter(Boolean).length

  function fill(): void {
    for (const [id, { paused, isLarge, resolve }] of waiting) {
      if (active.size >= limit) return
      if (paused || (isLarge && largeOnes() >= limit - 1)) continue
      waiting.delete(id)
      active.set(id, isLarge)
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
    acquire: ({ id, paused, isLarge }) =>
      new Promise((resolve, reject) => {
        waiting.set(id, { paused, isLarge, resolve, reject })
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
