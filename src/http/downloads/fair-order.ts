/** A download that has a slot. */
export interface Reader {
  /** Core's id of the user that the token or the ticket belongs to. */
  readonly user: string
  /** Milliseconds for which it has taken nothing; 0 while it reads or waits for Telegram. */
  readonly stalledMs: number
  /** Bytes it takes in a second, on average; null in its first seconds. */
  readonly bytesPerSecond: number | null
}

/** A download that waits for a slot. */
export interface Waiter {
  readonly user: string
  readonly waitedMs: number
}

/** Returns how many slots a user has. */
export type SlotsOf = (user: string) => number

export interface EvictionLimits {
  /** A video that is paused for so long may lose its slot to a user that has no more slots. */
  pausedMs: number
  /** How long a download waits for slots that come free by themselves, before a reader is cut. */
  evictAfterMs: number
}

/** Returns the waiter that is next: of the user with the fewest slots, the one that came first. */
export function nextWaiter<W extends Pick<Waiter, 'user'>>(
  waiters: Iterable<W>,
  slotsOf: SlotsOf,
): W | null {
  let next: W | null = null
  for (const waiter of waiters) {
    if (next === null || slotsOf(waiter.user) < slotsOf(next.user)) next = waiter
  }
  return next
}

/**
 * Returns the reader that loses its slot to a waiter when all slots are taken; null if none does.
 * Fair shares count only while a download waits: a single user may have every slot. A user with
 * fewer slots than the waiter's user loses none, and a reader that reads is cut only if that makes
 * the shares more equal.
 */
export function readerToEvict<R extends Reader>(
  readers: Iterable<R>,
  waiter: Waiter,
  { slotsOf, pausedMs, evictAfterMs }: EvictionLimits & { slotsOf: SlotsOf },
): R | null {
  const own = slotsOf(waiter.user)
  const all = [...readers]
  const overShare = all.filter(({ user }) => slotsOf(user) >= own + 2)
  const paused = all.filter(({ user, stalledMs }) => slotsOf(user) >= own && stalledMs >= pausedMs)
  const stalled = overShare.filter(({ stalledMs }) => stalledMs > 0)
  const longest = first(stalled, byMost) ?? first(paused, byMost)
  if (longest || waiter.waitedMs < evictAfterMs) return longest
  return first(
    overShare.filter(({ bytesPerSecond }) => bytesPerSecond !== null),
    bySpeed,
  )

  function byMost(a: R, b: R): number {
    return slotsOf(b.user) - slotsOf(a.user) || b.stalledMs - a.stalledMs
  }

  function bySpeed(a: R, b: R): number {
    const slower = Number(a.bytesPerSecond) - Number(b.bytesPerSecond)
    return slotsOf(b.user) - slotsOf(a.user) || slower
  }
}

function first<R>(readers: R[], order: (a: R, b: R) => number): R | null {
  return readers.sort(order)[0] ?? null
}
