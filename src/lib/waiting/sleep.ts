import { abortable } from './abortable.ts'
import { startTimer } from './timer.ts'

/** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return abortable(signal, (resolve) => startTimer(ms, resolve))
}
