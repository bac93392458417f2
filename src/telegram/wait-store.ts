import { z } from 'zod'
import type { Ledger } from '../core/ports/ledger.ts'

/** Milliseconds: a wait that ends sooner is met again after a restart, and costs next to nothing. */
export const WORTH_KEEPING_MS = 60_000
/** Waits that are kept at most: one small row holds them all. */
const MAX_KEPT = 100
const NAME = 'account-waits'

const Kept = z.record(z.string(), z.number())

/** The long waits of accounts in the ledger, so that a restart does not forget them. */
export interface KeptWaits {
  /** When each ends, by the account's name, in epoch milliseconds. */
  load: () => Promise<[string, number][]>
  /** Keeps those that are worth it and no others: of too many, the last of the list. */
  save: (ends: readonly [string, number][], now: number) => Promise<void>
}

export function createKeptWaits(secrets: Pick<Ledger, 'secret' | 'saveSecret'>): KeptWaits {
  return {
    load: async () => {
      const bytes = await secrets.secret(NAME)
      if (!bytes) return []
      return Object.entries(Kept.safeParse(JSON.parse(bytes.toString())).data ?? {})
    },
    save: async (ends, now) => {
      const long = ends.filter(([, until]) => until - now > WORTH_KEEPING_MS).slice(-MAX_KEPT)
      await secrets.saveSecret(NAME, Buffer.from(JSON.stringify(Object.fromEntries(long))))
    },
  }
}
