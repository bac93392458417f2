/** A timer set for longer than this fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts.
 *
 * Made of the global timer, because test clocks cannot move `node:timers/promises`.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    let left = ms
    let timer: ReturnType<typeof setTimeout>
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const wait = (): void => {
      const step = Math.min(left, LONGEST_TIMER_MS)
      left -= step
      timer = setTimeout(() => {
        if (left > 0) return wait()
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, step)
    }
    wait()
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
