const LONGEST_SECONDS = 24 * 3600

/**
 * The seconds that a `Retry-After` header asks to wait, a day at the most: it names seconds, or a
 * date (RFC 9110, section 10.2.3). Null where it is missing, malformed or of the past.
 */
export function parseRetryAfter(header: string | null, now = Date.now()): number | null {
  if (header === null) return null
  const seconds = /^\d+$/.test(header)
    ? Number(header)
    : Math.ceil((Date.parse(header) - now) / 1000)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, LONGEST_SECONDS) : null
}

/** Returns what a `Retry-After` of this process says: whole seconds, at least 1, and 5 by default. */
export function secondsToWait(seconds = 5): number {
  return Math.max(1, Math.ceil(seconds))
}
