import type { Lease, Leases, NodeAddress } from '../../../core/ports/cluster/leases.ts'
import type { Log } from '../../../core/ports/log.ts'
import { AccountElsewhere, AppError, shuttingDown } from '../../../errors.ts'
import { createKeyedLock } from '../../../lib/concurrency/keyed-lock.ts'
import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { onAbort, untilAborted } from '../../../lib/waiting/abortable.ts'
import { accountLease } from './lease-name.ts'

export interface AccountLeasesOptions {
  leases: Leases
  log: Log
  /** Milliseconds without users after which an account's lease is given up. */
  idleMs: number
  /** Closes the account's connections, at once: its lease is about to be given up. */
  leave: (name: string) => void
  /** The same for good: the account's lease is lost, and what runs fails with the error. */
  cut: (name: string, error: AppError) => void
}

/** The leases of the accounts that this node of a cluster uses. Accounts are named as by Accounts.nameOf. */
export interface AccountLeases {
  /**
   * Runs work while this node has the account, taken before. Rejects with AccountElsewhere where another
   * node has it, with LEASE_LOST at once when it is lost meanwhile, and as Leases.acquire does. `lost`
   * aborts with what `use` then rejects with.
   */
  use: <T>(name: string, work: (lost: AbortSignal) => Promise<T>) => Promise<T>
  /**
   * Throws LEASE_LOST, and cuts the account off, unless it is this node's. Called before each write to
   * its main connection.
   */
  assertHeld: (name: string) => void
  /** Gives all of them up; call it once nothing is connected any more. */
  close: () => Promise<void>
}

interface Entry {
  readonly lease: Lease
  /** Aborts when the lease is lost. */
  readonly ending: AbortController
  users: number
  idle: NodeJS.Timeout | undefined
}

/** Milliseconds for which an account is believed to be where it was: a read of many blocks asks once. */
const ELSEWHERE_MS = 2_000
/** The same while the database does not say; the node that is asked knows by itself. */
const LAST_KNOWN_MS = 60_000
const MAX_ELSEWHERE = 10_000

export function createAccountLeases(options: AccountLeasesOptions): AccountLeases {
  const { leases, log, idleMs, leave, cut } = options
  const entries = new Map<string, Entry>()
  const taking = new Map<string, Promise<Entry>>()
  const elsewhere = createTtlCache<NodeAddress>({ maxEntries: MAX_ELSEWHERE })
  const lastKnown = createTtlCache<NodeAddress>({ maxEntries: MAX_ELSEWHERE })
  /** By name: what is being given up is not acquired meanwhile. */
  const turns = createKeyedLock()
  let closed = false

  function take(name: string): Promise<Entry> {
    const running = taking.get(name) ?? acquire(name).finally(() => taking.delete(name))
    taking.set(name, running)
    return running
  }

  async function acquire(name: string): Promise<Entry> {
    const acquired = await turns
      .run(name, () => leases.acquire(accountLease(name)))
      .catch((error: unknown) => {
        const holder = lastKnown.get(name)
        if (holder === undefined) throw error
        elsewhere.set(name, holder, ELSEWHERE_MS)
        throw new AccountElsewhere(holder)
      })
    if (acquired.kind === 'elsewhere') {
      const { holder } = acquired
      elsewhere.set(name, holder, ELSEWHERE_MS)
      lastKnown.set(name, holder, LAST_KNOWN_MS)
      throw new AccountElsewhere(holder)
    }
    lastKnown.delete(name)
    const { lease } = acquired
    const entry: Entry = { lease, ending: new AbortController(), users: 0, idle: undefined }
    if (closed) {
      await release(name)
      throw shuttingDown()
    }
    entries.set(name, entry)
    onAbort(lease.lost, () => lose(name, entry, lease.lost.reason))
    return entry
  }

  function lose(name: string, entry: Entry, reason: unknown): void {
    if (entries.get(name) !== entry) return
    entries.delete(name)
    clearTimeout(entry.idle)
    const error = reason instanceof AppError ? reason : leaseLost()
    log.warn({ account: name }, 'the lease of an account is lost: its connections are cut')
    cut(name, error)
    entry.ending.abort(error)
    void release(name)
  }

  /** Its connections are closed before another node may have it. */
  function giveUp(name: string, entry: Entry): Promise<void> {
    entries.delete(name)
    clearTimeout(entry.idle)
    leave(name)
    return release(name)
  }

  function release(name: string): Promise<void> {
    return turns
      .run(name, () => leases.release(accountLease(name)))
      .catch((err: unknown) => log.warn({ err, account: name }, 'a lease could not be given up'))
  }

  function assertHeld(name: string): Entry {
    const entry = entries.get(name)
    if (!entry) throw leaseLost()
    try {
      entry.lease.assertHeld()
      return entry
    } catch (error) {
      lose(name, entry, error)
      throw error
    }
  }

  /** What this node has of the account; null: nothing, or what it had before it stood still. */
  function known(name: string): Entry | null {
    try {
      return assertHeld(name)
    } catch {
      return null
    }
  }

  return {
    assertHeld: (name) => void assertHeld(name),
    use: async (name, work) => {
      if (closed) throw shuttingDown()
      const holder = elsewhere.get(name)
      if (holder !== undefined) throw new AccountElsewhere(holder)
      const entry = known(name) ?? (await take(name))
      const { signal: lost } = entry.ending
      lost.throwIfAborted()
      entry.users++
      clearTimeout(entry.idle)
      try {
        return await untilAborted(work(lost), lost)
      } finally {
        if (--entry.users === 0 && entries.get(name) === entry) {
          entry.idle = setTimeout(() => void giveUp(name, entry), idleMs).unref()
        }
      }
    },
    close: async () => {
      closed = true
      await Promise.all([...entries].map(([name, entry]) => giveUp(name, entry)))
    },
  }
}

function leaseLost(): AppError {
  return new AppError('LEASE_LOST', 'Another node of this service goes on with it; try again', {
    retryAfter: 2,
  })
}
