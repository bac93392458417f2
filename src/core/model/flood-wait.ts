import { AppError } from '../../errors.ts'

/**
 * Telegram has asked an account to wait for so many seconds, and longer than a job lives: what its
 * user is told at the door, or when a job fails. `next` says what to do once the wait is over.
 */
export function floodWaitSentence(seconds: number, next: string): string {
  return `Telegram asks this account to wait for ${durationOf(seconds)}. ${next} after that`
}

/** The refusal of whatever would have to wait for so many seconds. */
export function accountWaits(seconds: number): AppError {
  return new AppError('TELEGRAM_FLOOD_WAIT', floodWaitSentence(seconds, 'Try again'), {
    retryAfter: seconds,
  })
}

/** Whether Telegram's wait is why it failed. */
export function isFloodWait(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'TELEGRAM_FLOOD_WAIT'
}

/**
 * The same error, but TOO_MANY_REQUESTS where Telegram's wait is why it failed: for requests that
 * are worth repeating by themselves.
 */
export function orTooMany(error: unknown): unknown {
  if (!isFloodWait(error)) return error
  const { message, retryAfter = 1 } = error
  return new AppError('TOO_MANY_REQUESTS', message, { retryAfter, cause: error })
}

/** A duration in words, rounded up: `40 seconds`, `12 minutes`, `6 hours 57 minutes`. */
export function durationOf(seconds: number): string {
  if (seconds < 60) return count(Math.ceil(seconds), 'second')
  const minutes = Math.ceil(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours === 0) return count(minutes, 'minute')
  return minutes % 60 === 0
    ? count(hours, 'hour')
    : `${count(hours, 'hour')} ${count(minutes % 60, 'minute')}`
}

function count(n: number, unit: string): string {
  return `${n} ${unit}${n === 1 ? '' : 's'}`
}
