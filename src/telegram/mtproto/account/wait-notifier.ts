type OnWait = (seconds: number) => void

/** Passes Telegram's waits on to all callers that share one piece of work. */
export interface WaitNotifier {
  /** Calls every subscriber with the seconds that Telegram asks to wait. */
  notify: OnWait
  /**
   * Calls `onWait` for each wait, and at once with the rest of one that has begun, until the
   * returned function is called.
   */
  subscribe: (onWait: OnWait | undefined) => () => void
}

/** `now`: milliseconds that only ever go forward. */
export function createWaitNotifier(now: () => number = () => performance.now()): WaitNotifier {
  const subscribers = new Set<OnWait>()
  let until = Number.NEGATIVE_INFINITY

  return {
    notify: (seconds) => {
      until = now() + seconds * 1000
      for (const subscriber of subscribers) subscriber(seconds)
    },
    subscribe: (onWait) => {
      if (!onWait) return () => {}
      // Two callers may bring the same function: each is a subscriber of its own.
      const subscriber: OnWait = (seconds) => onWait(seconds)
      subscribers.add(subscriber)
      const leftMs = until - now()
      if (leftMs > 0) onWait(Math.ceil(leftMs / 1000))
      return () => void subscribers.delete(subscriber)
    },
  }
}
