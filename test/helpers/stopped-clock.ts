import { onTestFinished, vi } from 'vitest'

export interface StoppedClock {
  /** Milliseconds go by, all at once. */
  pass: (ms: number) => void
}

/** From now until the test ends `performance.now` moves only when it is told to. */
export function stopClock(): StoppedClock {
  let time = performance.now()
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => time)
  onTestFinished(() => spy.mockRestore())
  return {
    pass: (ms) => {
      time += ms
    },
  }
}

/** Now, and all of it from here on, is so many milliseconds later by `performance.now`. */
export function jumpAhead(ms: number): void {
  const { now } = performance
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + ms)
  onTestFinished(() => spy.mockRestore())
}
