/** One moment by a machine's two clocks, in milliseconds. */
export interface Moment {
  /** Since the epoch; it is set, and goes on while the machine is suspended. */
  readonly wall: number
  /** Since any moment; it only goes forward, and may stand still while the machine is suspended. */
  readonly monotonic: number
}

/**
 * After so many milliseconds without a renewal a node gives its leases up by itself: 5 s before they end
 * by the database's clock, and 10 s before another node may take them.
 */
export const FENCED_AFTER_MS = 10_000

/**
 * Whether a lease has to be given up that was renewed last by a request sent at `renewed`. Of the two
 * clocks the one counts that has moved further: a wall clock that is set back hides nothing, and a
 * monotonic one that stood still neither.
 */
export function isFenced(renewed: Moment, now: Moment): boolean {
  const passed = Math.max(now.wall - renewed.wall, now.monotonic - renewed.monotonic)
  return passed >= FENCED_AFTER_MS
}
