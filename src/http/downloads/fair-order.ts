/** A download that has a place. */
export interface Reader {
  /** Core's user id: whose token or ticket it was asked with. */
  readonly user: string
  /** Milliseconds for which it has taken nothing; 0 while it reads, or Telegram is waited for. */
  readonly standingMs: number
  /** Bytes it has taken in a second, on average; null while it is too young to be judged. */
  readonly bytesPerSecond: number | null
}

/** A download that waits for a place. */
export interface Waiter {
  readonly user: string
  readonly waitedMs: number
}

/** How many places a user has. */
export type PlacesOf = (user: string) => number

export interface ShareLimits {
  /** A video that is paused for so long makes room for a user that has no more places than its own. */
  pausedMs: number
  /** How long a waiter waits for places that come free by themselves, before a reader is cut. */
  patienceMs: number
}

/** Whose turn it is: the user with the fewest places, of one user the first that came. */
export function nextWaiter<W extends Pick<Waiter, 'user'>>(
  waiters: Iterable<W>,
  placesOf: PlacesOf,
): W | null {
  let next: W | null = null
  for (const waiter of waiters) {
    if (next === null || placesOf(waiter.user) < placesOf(next.user)) next = waiter
  }
  return next
}

/**
 * Which reader gives its place to a waiter when all are taken, if any. Shares bind only here, while
 * somebody waits: a user alone may have every place. Nobody takes from a user that has fewer, and
 * what is taken from one that reads must make the shares more equal.
 */
export function readerToEvict<R extends Reader>(
  readers: Iterable<R>,
  waiter: Waiter,
  { placesOf, pausedMs, patienceMs }: ShareLimits & { placesOf: PlacesOf },
): R | null {
  const own = placesOf(waiter.user)
  const all = [...readers]
  const overShare = all.filter(({ user }) => placesOf(user) >= own + 2)
  const paused = all.filter(
    ({ user, standingMs }) => placesOf(user) >= own && standingMs >= pausedMs,
  )
  const standing = overShare.filter(({ standingMs }) => standingMs > 0)
  const longest = first(standing, byMost) ?? first(paused, byMost)
  if (longest || waiter.waitedMs < patienceMs) return longest
  return first(
    overShare.filter(({ bytesPerSecond }) => bytesPerSecond !== null),
    bySpeed,
  )

  function byMost(a: R, b: R): number {
    return placesOf(b.user) - placesOf(a.user) || b.standingMs - a.standingMs
  }

  function bySpeed(a: R, b: R): number {
    const slower = Number(a.bytesPerSecond) - Number(b.bytesPerSecond)
    return placesOf(b.user) - placesOf(a.user) || slower
  }
}

function first<R>(readers: R[], order: (a: R, b: R) => number): R | null {
  return readers.sort(order)[0] ?? null
}
