export interface TransferRateLimits {
  /** Milliseconds without a byte. */
  stallMs: number
  /** Bytes a second, on average over `windowMs`; the first window is for getting started. */
  minBytesPerSecond: number
  windowMs: number
}

/** Measures how fast a body arrives, whatever its size. */
export interface TransferRate {
  /**
   * Whether the sender is to be cut. `bytes` have come so far. `waiting` says that the worker has
   * not read all of them, so that a pause is not the sender's fault.
   */
  isTooSlow: (sample: { now: number; bytes: number; waiting: boolean }) => boolean
}

export function createTransferRate(
  limits: TransferRateLimits,
  start: { now: number; bytes: number },
): TransferRate {
  let last = start
  let window = start
  let started = false

  return {
    isTooSlow: ({ now, bytes, waiting }) => {
      if (waiting || bytes !== last.bytes) last = { now, bytes }
      if (waiting) window = last
      if (now - last.now >= limits.stallMs) return true
      const elapsed = now - window.now
      if (elapsed < limits.windowMs) return false
      const slow = (bytes - window.bytes) * 1000 < limits.minBytesPerSecond * elapsed
      const judged = started
      window = { now, bytes }
      started = true
      return judged && slow
    },
  }
}
