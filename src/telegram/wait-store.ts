import { z } from 'zod'
import type { Ledger } from '../core/ports/ledger.ts'

/** Milliseconds: a wait that ends sooner is met again after a restart, and costs next to nothing. */
export const WORTH_STORING_MS = 60_000
/** Waits that are stored at most: one small row holds them all. */
const MAX_STORED = 100
const NAME = 'account-waits'

const Stored = z.record(z.string(), z.number())

/** The long waits of accounts in the ledger, so that a restart does not forget them. */
export interface WaitStore {
  /** When each ends, by the account's name, in epoch milliseconds. */
  load: () => Promise<[string, number][]>
  /**
   * Stores the waits that are long enough, in place of all earlier ones; where the ledger is shared, beside
   * those that other nodes have stored. Of too many, the last. Never rejects: `saveSecret` must not.
   */
  save: (ends: readonly [string, number][], now: number) => Promise<void>
}

export function createWaitStore(
  secrets: Pick<Ledger, 'secret' | 'saveSecret'>,
  { isShared = false }: { isShared?: boolean } = {},
): WaitStore {
  async function load(): Promise<[string, number][]> {
    const bytes = await secrets.secret(NAME)
    if (!bytes) return []
    return Object.entries(Stored.safeParse(JSON.parse(bytes.toString())).data ?? {})
  }

  function store(long: readonly [string, number][]): Promise<void> {
    const last = Object.fromEntries(long.slice(-MAX_STORED))
    return secrets.saveSecret(NAME, Buffer.from(JSON.stringify(last)))
  }

  return {
    load,
    save: async (ends, now) => {
      const long = ends.filter(([, until]) => until - now > WORTH_STORING_MS)
      if (!isShared) return store(long)
      const stored = await load().catch(() => [])
      const known = new Map(stored.filter(([, until]) => until > now))
      for (const [name, until] of long) known.set(name, Math.max(until, known.get(name) ?? 0))
      return store([...known])
    },
  }
}
