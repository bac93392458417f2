import { abortable } from './abortable.ts'
import { startTimer } from './timer.ts'

export interface ConditionOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds to wait at the most. */
  timeoutMs?: number | undefined
}

/** Something that others wait for and that one side changes. */
export interface Condition {
  /**
   * Resolves with true as soon as `holds` returns true: it is asked at once and after each change.
   * Resolves with false after `timeoutMs`; rejects with what `holds` throws, or the signal's reason.
   */
  until: (holds: () => boolean, options?: ConditionOptions) => Promise<boolean>
  /** Asks each `holds` again, before it returns. */
  changed: () => void
}

export function createCondition(): Condition {
  const waiting = new Set<() => void>()

  return {
    until: (holds, { signal, timeoutMs } = {}) =>
      abortable(signal, (resolve, reject) => {
        const ask = (): void => {
          try {
            if (holds()) resolve(true)
          } catch (error) {
            reject(error)
          }
        }
        const stopTimer =
          timeoutMs === undefined ? null : startTimer(timeoutMs, () => resolve(false))
        waiting.add(ask)
        ask()
        return () => {
          waiting.delete(ask)
          stopTimer?.()
        }
      }),
    changed: () => {
      for (const ask of waiting) ask()
    },
  }
}
