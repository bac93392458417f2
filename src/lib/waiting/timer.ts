/** Node's own timer fires at once when it is set for longer than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Calls `listener` after `ms` milliseconds, however many; the returned function stops the timer.
 *
 * Made of the global timer, because test clocks cannot move `node:timers/promises`.
 */
export function startTimer(ms: number, listener: () => void): () => void {
  let left = ms
  let timer: ReturnType<typeof setTimeout>
  const wait = (): void => {
    const step = Math.min(left, LONGEST_TIMER_MS)
    left -= step
    timer = setTimeout(() => (left > 0 ? wait() : listener()), step)
  }
  wait()
  return () => clearTimeout(timer)
}
