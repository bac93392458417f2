import { AppError } from '../../errors.ts'
import { backoff, retry } from '../../lib/waiting/retry.ts'

/** Whether it was the worker's own disk that failed: full, hanging, or read-only for now. */
export function isDiskFailure(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'SPOOL_FULL' || error.code === 'SPOOL_FAILED')
}

/** Milliseconds until a job looks at the disk again: it is near, and asking costs little. */
export function diskDelay(): number {
  return 500 + backoff(1, { baseMs: 1_500 })
}

/**
 * Calls `work` until the disk takes it, however long that is; once more when the signal is
 * aborted meanwhile, and then rejects with what it threw. Rejects at once with any other failure.
 * `onWait` is told of the first time that the disk did not.
 */
export async function onceDiskTakes<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  onWait: (error: unknown) => void = () => {},
): Promise<T> {
  try {
    return await retry(work, {
      attempts: Number.POSITIVE_INFINITY,
      signal,
      delayFor: (error, attempt) => {
        if (!isDiskFailure(error)) return null
        if (attempt === 1) onWait(error)
        return diskDelay()
      },
    })
  } catch (error) {
    if (!signal.aborted) throw error
    return work()
  }
}
