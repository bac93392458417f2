/** So many within the window. */
export interface Rate {
  limit: number
  windowMs: number
}

export interface RateLimit {
  /** The seconds until the key may be used again; 0 when it may be used now. */
  wait: (key: string, rate: Rate) => number
  /** Counts `count` uses of the key. */
  use: (key: string, rate: Rate, count: number) => void
}

/**
 * Counts uses by key over a sliding window. A use passes while the window is not full, however
 * much it counts: an album is larger than the smallest limits.
 */
export function createRateLimit(now: () => number): RateLimit {
  const uses = new Map<string, number[]>()

  function recent(key: string, { windowMs }: Rate): number[] {
    const since = now() - windowMs
    const kept = (uses.get(key) ?? []).filter((time) => time > since)
    if (kept.length === 0) uses.delete(key)
    else uses.set(key, kept)
    return kept
  }

  return {
    wait: (key, rate) => {
      const times = recent(key, rate)
      const blocking = times[times.length - rate.limit]
      if (blocking === undefined) return 0
      return Math.ceil((blocking + rate.windowMs - now()) / 1000)
    },
    use: (key, rate, count) => {
      uses.set(key, [...recent(key, rate), ...Array<number>(count).fill(now())])
    },
  }
}
