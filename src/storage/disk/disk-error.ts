import { AppError } from '../../errors.ts'

// EFBIG too: it is what a process sees that has reached its own file size limit.
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** The system's name of a failure such as `ENOSPC`, or null when it is no system error. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/**
 * A disk's failure as SPOOL_FULL or SPOOL_FAILED. Its cause keeps the system's code only:
 * the original message holds a path, and causes are logged.
 */
export function toSpoolError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const code = systemCode(error)
  const cause = code === null ? error : new Error(`the disk answered ${code}`)
  return code !== null && FULL.has(code) ? spoolFull(cause) : spoolFailed(cause)
}

export function spoolFull(cause?: unknown): AppError {
  return new AppError('SPOOL_FULL', 'There is no room left for this file', {
    cause,
    retryAfter: 60,
  })
}

export function spoolFailed(cause?: unknown): AppError {
  return new AppError('SPOOL_FAILED', 'The disk cannot be used right now', {
    cause,
    retryAfter: 10,
  })
}

/** Waits for a call to the disk; rejects with SPOOL_FULL or SPOOL_FAILED. */
export async function onDisk<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw toSpoolError(error)
  }
}

/** The same, but null when the file or folder is not there. */
export async function onDiskIfThere<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (isMissing(error)) return null
    throw toSpoolError(error)
  }
}

export function isMissing(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
