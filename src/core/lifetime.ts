import type { Upload } from './ports/records.ts'

/**
 * How long an upload is kept that has brought no byte, in milliseconds. Its room is only a promise:
 * a sender that was there would have sent something by then, and its first chunk opens it anew.
 */
const BYTELESS_TTL_MS = 600_000

/**
 * An upload that lives on because a byte comes now and then ends after so many `SESSION_TTL`s all
 * the same: else a trickle would keep its room for ever.
 */
const MOST_LIVES = 7

/** When an upload that still receives is given up, by the worker's time. */
export function expiryOf(
  { size, createdAt, touchedAt }: Pick<Upload, 'size' | 'createdAt' | 'touchedAt'>,
  hasBytes: boolean,
  sessionTtlMs: number,
): number {
  // An empty part of a tus upload has brought all that it will.
  const waits = hasBytes || size === 0
  const ttlMs = waits ? sessionTtlMs : Math.min(sessionTtlMs, BYTELESS_TTL_MS)
  return Math.min(touchedAt + ttlMs, createdAt + MOST_LIVES * sessionTtlMs)
}
