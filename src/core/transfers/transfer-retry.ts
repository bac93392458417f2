import { AccountElsewhere, AppError } from '../../errors.ts'
import { backoff } from '../../lib/waiting/retry.ts'
import { isFloodWait } from '../model/flood-wait.ts'
import { diskDelay, isDiskFailure } from '../runtime/disk-failure.ts'

export function isRetryable(error: unknown): boolean {
  return error instanceof AppError && error.retryable
}

/** Whether an upload, or its account, is another node's by now: its transfer goes on there, and not here. */
export function isLeaseLost(error: unknown): boolean {
  if (error instanceof AccountElsewhere) return true
  return error instanceof AppError && error.code === 'LEASE_LOST'
}

function isPeerDown(error: unknown): boolean {
  return error instanceof AppError && error.peerDown
}

/** Whether there is nothing to do but to wait: for a peer that is down, or as Telegram asks. */
export function isWait(error: unknown): boolean {
  return isPeerDown(error) || isFloodWait(error)
}

/** Whether a failure uses up one of a transfer's attempts: the file may be at fault. */
export function usesAttempt(error: unknown): boolean {
  return !isWait(error) && !isDiskFailure(error) && !isBetweenNodes(error)
}

/** Whether an account is on its way from one node to another, or the one that has it is not reached. */
function isBetweenNodes(error: unknown): boolean {
  return isLeaseLost(error) || (error instanceof AppError && error.code === 'PEER_UNAVAILABLE')
}

/** Milliseconds: what the error asks for, else exponential back-off. */
export function delayFor(error: unknown, attempt: number): number {
  // What the error asks for is for clients; there are far fewer jobs.
  if (isDiskFailure(error)) return diskDelay()
  const asked = ((error instanceof AppError && error.retryAfter) || 0) * 1000
  // All jobs wait for the same moment: they must not come back in it together.
  if (isPeerDown(error)) return asked + backoff(1, { baseMs: 2000 })
  return Math.max(asked, backoff(attempt, { baseMs: 1000, capMs: 60_000 }))
}
