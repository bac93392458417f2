/** How fast bytes leave, over the last seconds. */
export interface SpeedMeter {
  /** Notes how many have left in all. */
  note: (sentBytes: number) => void
  /** Bytes each second; null until there is something to go by. */
  read: () => number | null
  /** Forgets: what comes after a pause says nothing about before. */
  reset: () => void
}

const WINDOW_MS = 8000
const SHORTEST_MS = 800

export function createSpeedMeter(now: () => number = Date.now): SpeedMeter {
  let samples: { at: number; bytes: number }[] = []

  return {
    note: (bytes) => {
      const at = now()
      const last = samples.at(-1)
      // Bytes that must be sent again have not left any slower.
      if (last && bytes < last.bytes) samples = []
      samples.push({ at, bytes })
      // The last before the window stays: whole chunks on a slow line come further apart than it is.
      while (samples.length > 2 && at - (samples[1]?.at ?? at) > WINDOW_MS) samples.shift()
    },
    read: () => {
      const first = samples[0]
      const last = samples.at(-1)
      if (!first || !last) return null
      const ms = Math.max(last.at, now()) - first.at
      if (ms < SHORTEST_MS) return null
      return ((last.bytes - first.bytes) * 1000) / ms
    },
    reset: () => {
      samples = []
    },
  }
}
