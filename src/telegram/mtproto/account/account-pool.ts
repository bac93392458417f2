import { AppError, shuttingDown } from '../../../errors.ts'
import type { Account } from './account.ts'

export interface AccountPoolOptions {
  /** Milliseconds without users after which an account's connections are closed. */
  idleMs: number
  /** Accounts that are known at most; those longest unused are forgotten first. */
  maxAccounts: number
}

/** The accounts of this process: one per auth key, shared by all callers. */
export interface AccountPool {
  /**
   * Runs `work` with the account, made by `create` if the key has none yet. While any work
   * runs, its connections stay. Rejects at once for a session that was stopped.
   */
  use: <T>(id: string, create: () => Account, work: (account: Account) => Promise<T>) => Promise<T>
  find: (id: string) => Account | null
  all: () => Account[]
  /** Telegram has ended the session: it is forgotten or, when used in two places, never used again. */
  ended: (id: string, error: AppError) => void
  close: () => void
}

interface Entry {
  account: Account
  users: number
  idle: NodeJS.Timeout | undefined
}

/** Stopped sessions that are remembered at most. */
const MAX_STOPPED = 10_000

export function createAccountPool({ idleMs, maxAccounts }: AccountPoolOptions): AccountPool {
  const entries = new Map<string, Entry>()
  const stopped = new Map<string, AppError>()
  let closed = false

  function take(id: string, create: () => Account): Entry {
    const entry = entries.get(id) ?? { account: create(), users: 0, idle: undefined }
    // Last in the map means used last.
    entries.delete(id)
    entries.set(id, entry)
    clearInterval(entry.idle)
    entry.users++
    return entry
  }

  function leave(id: string, entry: Entry): void {
    // An account that was forgotten meanwhile is closed already.
    if (--entry.users > 0 || entries.get(id) !== entry) return
    // Repeated, because work that several users share goes on without them and may connect again.
    entry.idle = setInterval(() => entry.account.disconnect(), idleMs).unref()
    forgetOldest()
  }

  function forgetOldest(): void {
    for (const [id, { account, users, idle }] of entries) {
      if (entries.size <= maxAccounts) return
      if (users > 0) continue
      clearInterval(idle)
      account.close(new AppError('TELEGRAM_UNAVAILABLE', 'Too many Telegram accounts at once'))
      entries.delete(id)
    }
  }

  return {
    use: async (id, create, work) => {
      if (closed) throw shuttingDown()
      const end = stopped.get(id)
      if (end) throw end
      const entry = take(id, create)
      try {
        return await work(entry.account)
      } finally {
        leave(id, entry)
      }
    },
    find: (id) => entries.get(id)?.account ?? null,
    all: () => [...entries.values()].map(({ account }) => account),
    ended: (id, error) => {
      clearInterval(entries.get(id)?.idle)
      entries.delete(id)
      if (error.code !== 'TELEGRAM_SESSION_DUPLICATED') return
      const [oldest] = stopped.keys()
      if (stopped.size >= MAX_STOPPED && oldest !== undefined) stopped.delete(oldest)
      stopped.set(id, error)
    },
    close: () => {
      closed = true
      for (const { account, idle } of entries.values()) {
        clearInterval(idle)
        account.close(shuttingDown())
      }
      entries.clear()
    },
  }
}
