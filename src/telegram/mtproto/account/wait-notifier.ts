type OnWait = (seconds: number) => void

/** Telegram's waits in work that several callers share. */
export interface WaitNews {
  /** Tells all present listeners that Telegram asks to wait for so many seconds. */
  tell: OnWait
  /** Hears of waits, also of one that has begun already, until the returned function is called. */
  hear: (onWait: OnWait | undefined) => () => void
}

/** `now`: milliseconds that only ever go forward. */
export function createWaitNews(now: () => number = () => performance.now()): WaitNews {
  const listeners = new Set<OnWait>()
  let until = Number.NEGATIVE_INFINITY

  return {
    tell: (seconds) => {
      until = now() + seconds * 1000
      for (const listener of listeners) listener(seconds)
    },
    hear: (onWait) => {
      if (!onWait) return () => {}
      // Two callers may bring the same function: each has a listener of its own.
      const listener: OnWait = (seconds) => onWait(seconds)
      listeners.add(listener)
      const leftMs = until - now()
      if (leftMs > 0) onWait(Math.ceil(leftMs / 1000))
      return () => void listeners.delete(listener)
    },
  }
}
