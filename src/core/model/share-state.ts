import type { KnownShare } from '../ports/shares.ts'

/**
 * | state | means |
 * |---|---|
 * | `open` | it can be used |
 * | `used-up` | all its downloads were had; its owner may allow more |
 * | `expired` | its time is over; its owner may give it more |
 * | `signed-out` | its owner's login has ended, or is for another channel; it goes on with the next one |
 * | `ended` | its owner took it back |
 */
export type ShareState = 'open' | 'used-up' | 'expired' | 'signed-out' | 'ended'

type Dated = Pick<KnownShare, 'expiresAt' | 'endedAt' | 'login' | 'maxDownloads' | 'downloads'>

/** Returns what a share is at this moment. */
export function shareStateOf(share: Dated, now: number): ShareState {
  const { expiresAt, endedAt, login, maxDownloads, downloads } = share
  if (endedAt !== null) return 'ended'
  if (expiresAt <= now) return 'expired'
  if (login === null || (login.endsAt !== null && login.endsAt <= now)) return 'signed-out'
  return maxDownloads !== null && downloads >= maxDownloads ? 'used-up' : 'open'
}

/** When a share ends: at its own time, and not later than the newest login that is known of its owner. */
export function shareEndOf({ expiresAt, login }: Pick<KnownShare, 'expiresAt' | 'login'>): number {
  return Math.min(expiresAt, login?.endsAt ?? expiresAt)
}
