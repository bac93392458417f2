import { type KeptWaits, WORTH_KEEPING_MS } from './wait-store.ts'

/** How long accounts are remembered after their last use. */
const KEEP_MS = 3_600_000
/** Accounts beyond this number push out the one that was used longest ago. */
const MAX_ACCOUNTS = 5_000
/** Milliseconds: what is left of a wait is told in whole seconds, rounded up. */
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
  /** Whole seconds until the account may post again; 0 when it may now. */
  secondsLeft: (account: string) => number
  /** The same of each account that was used within the last hour, or still waits. */
  all: () => number[]
}

export interface AccountWaitsOptions {
  kept: KeptWaits
  /** Epoch milliseconds. */
  now: () => number
}

/** Begins with the waits that an earlier process has kept. */
export function createAccountWaits({ kept, now }: AccountWaitsOptions): AccountWaits {
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

  async function remember(): Promise<void> {
    for (const [name, until] of await kept.load()) {
      if (until > now()) touch(name).until = Math.max(until, accounts.get(name)?.until ?? 0)
    }
  }
  // A wait that cannot be read is asked for again by Telegram.
  const remembered = remember().catch(() => {})

  const secondsUntil = (until: number): number => Math.max(0, Math.ceil((until - now()) / 1000))

  return {
    used: (names) => {
      for (const name of names) touch(name)
    },
    asked: (account, seconds) => {
      const entry = touch(account)
      const until = now() + seconds * 1000
      // Told again, the rest of a wait must not make it longer.
      if (entry.until > now() && until < entry.until + ROUNDING_MS) return
      entry.until = until
      if (until - now() <= WORTH_KEEPING_MS) return
      // After what was kept before is known, or that would be forgotten.
      void remembered.then(() =>
        kept.save(
          [...accounts].map(([name, known]) => [name, known.until]),
          now(),
        ),
      )
    },
    secondsLeft: (account) => secondsUntil(accounts.get(account)?.until ?? 0),
    all: () => {
      for (const [name, { until, usedAt }] of accounts) {
        if (until <= now() && usedAt + KEEP_MS <= now()) accounts.delete(name)
      }
      return [...accounts.values()].map(({ until }) => secondsUntil(until))
    },
  }
}
