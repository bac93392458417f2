import { type WaitStore, WORTH_STORING_MS } from './wait-store.ts'

/** How long accounts are remembered after their last use. */
const KEEP_MS = 3_600_000
/** Accounts beyond this number push out the one that was used longest ago. */
const MAX_ACCOUNTS = 5_000
/** Milliseconds: the rest of a wait is reported in whole seconds, rounded up. */
const ROUNDING_MS = 1_000

/**
 * How long Telegram has asked each account to wait before it posts again. An account is one way of
 * posting: a user session, a bot by MTProto, a bot by the Bot API.
 */
export interface AccountWaits {
  /** Notes that these accounts are in use: `secondsLeft` of all of them is part of `all`. */
  used: (accounts: readonly string[]) => void
  /** Notes that Telegram asks the account to wait; a shorter wait does not end a longer one. */
  asked: (account: string, seconds: number) => void
  /** Notes when waits end that another node was asked for (WaitStore.load). */
  learn: (ends: readonly [string, number][]) => void
  /** Whole seconds until the account may post again; 0 when it may now. */
  secondsLeft: (account: string) => number
  /** The same of each account that was used within the last hour, or still waits. */
  all: () => number[]
}

export interface AccountWaitsOptions {
  store: Pick<WaitStore, 'save'>
  /** Epoch milliseconds. */
  now: () => number
  /** When the waits end that are known already, by the account's name, in epoch milliseconds. */
  ends?: readonly [string, number][]
}

/**
 * Resolves with the waits that an earlier process has stored: nothing is to be sent before. Waits
 * that cannot be read are asked for again by Telegram.
 */
export async function loadAccountWaits({
  store,
  now,
}: {
  store: WaitStore
  now: () => number
}): Promise<AccountWaits> {
  const ends = await store.load().catch(() => [])
  return createAccountWaits({ store, now, ends })
}

/** Milliseconds after which waits are read again that other nodes have stored. */
const FOLLOW_MS = 10_000

/** Keeps to waits that other nodes of a cluster have been asked for, until it is stopped. */
export function followAccountWaits({
  store,
  waits,
}: {
  store: Pick<WaitStore, 'load'>
  waits: Pick<AccountWaits, 'learn'>
}): { stop: () => void } {
  const read = (): void => void store.load().then(waits.learn, () => {})
  const timer = setInterval(read, FOLLOW_MS).unref()
  return { stop: () => clearInterval(timer) }
}

export function createAccountWaits({ store, now, ends = [] }: AccountWaitsOptions): AccountWaits {
  // In the order of their last use, the oldest first.
  const accounts = new Map<string, { until: number; usedAt: number }>()

  function touch(account: string): { until: number; usedAt: number } {
    const entry = accounts.get(account) ?? { until: 0, usedAt: 0 }
    accounts.delete(account)
    accounts.set(account, entry)
    entry.usedAt = now()
    if (accounts.size > MAX_ACCOUNTS) {
      const [oldest] = accounts.keys()
      if (oldest !== undefined) accounts.delete(oldest)
    }
    return entry
  }

  function learn(known: readonly [string, number][]): void {
    for (const [name, until] of known) {
      if (until <= now() || until <= (accounts.get(name)?.until ?? 0)) continue
      touch(name).until = until
    }
  }

  learn(ends)

  const secondsUntil = (until: number): number => Math.max(0, Math.ceil((until - now()) / 1000))

  return {
    used: (names) => {
      for (const name of names) touch(name)
    },
    asked: (account, seconds) => {
      const entry = touch(account)
      const until = now() + seconds * 1000
      // The rest of a wait, reported again and rounded up, must not make it longer.
      if (entry.until > now() && until < entry.until + ROUNDING_MS) return
      entry.until = until
      if (until - now() <= WORTH_STORING_MS) return
      void store.save(
        [...accounts].map(([name, known]) => [name, known.until]),
        now(),
      )
    },
    learn,
    secondsLeft: (account) => secondsUntil(accounts.get(account)?.until ?? 0),
    all: () => {
      for (const [name, { until, usedAt }] of accounts) {
        if (until <= now() && usedAt + KEEP_MS <= now()) accounts.delete(name)
      }
      return [...accounts.values()].map(({ until }) => secondsUntil(until))
    },
  }
}
