/** Measures the speed over the last seconds. */
export interface SpeedMeter {
  /** Records how many bytes have left in all. */
  note: (sentBytes: number) => void
  /** Bytes per second; null until enough is recorded. */
  read: () => number | null
  /** Drops all records, for example after a pause. */
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
      // The number falls when bytes are sent again, which is no negative speed.
      if (last && bytes < last.bytes) samples = []
      samples.push({ at, bytes })
      // The last sample before the window stays: chunks on a slow line may be further apart than the window.
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
