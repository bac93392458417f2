import { abortable } from './abortable.ts'
import { startTimer } from './timer.ts'

export interface TimeoutOptions<Late> {
  ms: number
  /** Called when the time is over; what it returns or throws is the outcome. */
  onTimeout: () => Late
  signal?: AbortSignal | undefined
}

/**
 * What the promise settles with; after `ms` milliseconds what `onTimeout` returns or throws; or the
 * signal's reason, whichever comes first. The promise itself goes on, and its failure after that
 * is not reported.
 */
export function withTimeout<T, Late>(
  promise: Promise<T>,
  { ms, onTimeout, signal }: TimeoutOptions<Late>,
): Promise<T | Late> {
  promise.catch(() => {})
  return abortable<T | Late>(signal, (resolve, reject) => {
    promise.then(resolve, reject)
    return startTimer(ms, () => {
      try {
        resolve(onTimeout())
      } catch (error) {
        reject(error)
      }
    })
  })
}
