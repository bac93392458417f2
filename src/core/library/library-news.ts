import { onAbort } from '../../lib/waiting/abortable.ts'
import { createCondition } from '../../lib/waiting/condition.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { Catalogue, LibraryKey } from '../ports/catalogue.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { LibraryJobRecords } from '../ports/library-jobs.ts'

/** Tells the owners of libraries that something in them has changed. */
export interface LibraryNews {
  /** Calls the listener at each change of one of the owner's libraries, until the returned call. */
  subscribe: (owner: string, listener: () => void) => () => void
  changed: (owner: string) => void
}

export function createLibraryNews(): LibraryNews {
  const listeners = new Map<string, Set<() => void>>()

  return {
    subscribe: (owner, listener) => {
      const all = listeners.get(owner) ?? new Set()
      listeners.set(owner, all.add(listener))
      return () => {
        all.delete(listener)
        if (all.size === 0 && listeners.get(owner) === all) listeners.delete(owner)
      }
    },
    changed: (owner) => {
      for (const listener of listeners.get(owner) ?? []) listener()
    },
  }
}

/** The same ledger, whose calls tell of what they have changed in libraries. */
export function tellChanges<
  L extends Pick<Ledger, 'completeUpload'> &
    Pick<Catalogue, 'applyToLibrary'> &
    Pick<LibraryJobRecords, 'settleLibraryItems' | 'settleFolder'>,
>(ledger: L, news: Pick<LibraryNews, 'changed'>): L {
  const scanning = new Set<string>()

  /** Whether the library is being read now, or was until this call: its state is shown. */
  function notesScan({ owner, channelId }: LibraryKey, scans: boolean | undefined): boolean {
    if (scans === undefined) return false
    const name = JSON.stringify([owner, channelId])
    if (!scans) return scanning.delete(name)
    scanning.add(name)
    return true
  }

  return {
    ...ledger,
    applyToLibrary: async (key, changes) => {
      const effect = await ledger.applyToLibrary(key, changes)
      const scans = notesScan(key, changes.sync && changes.sync.scan !== null)
      if (scans || effect.messageIds.length > 0) news.changed(key.owner)
      return effect
    },
    settleLibraryItems: async (id, settled, changes) => {
      const { job, effect } = await ledger.settleLibraryItems(id, settled, changes)
      if (job && effect.messageIds.length > 0) news.changed(job.key.owner)
      return { job, effect }
    },
    settleFolder: async (key, folderId, changes) => {
      const effect = await ledger.settleFolder(key, folderId, changes)
      if (effect.messageIds.length > 0) news.changed(key.owner)
      return effect
    },
    completeUpload: async (id, completion) => {
      const ending = await ledger.completeUpload(id, completion)
      if (ending.kind === 'ended' && completion.library) news.changed(completion.library.key.owner)
      return ending
    },
  }
}

export interface LibraryFeedOptions {
  signal: AbortSignal
  /** Milliseconds between two changes that are told. */
  everyMs?: number
}

/**
 * Yields when a library of the owner has changed: at once, and then no more often than `everyMs`,
 * however much changes. It listens from the call on, read or not, until it is returned or the signal
 * aborts; it rejects with the signal's reason.
 */
export function createLibraryFeed(
  news: Pick<LibraryNews, 'subscribe'>,
  owner: string,
  { signal, everyMs = 1_000 }: LibraryFeedOptions,
): AsyncGenerator<void, never, undefined> {
  const changes = createCondition()
  let pending = false
  const unsubscribe = news.subscribe(owner, () => {
    pending = true
    changes.changed()
  })
  onAbort(signal, unsubscribe)

  return (async function* () {
    try {
      for (;;) {
        await changes.until(() => pending, { signal })
        pending = false
        yield
        await sleep(everyMs, signal)
      }
    } finally {
      unsubscribe()
    }
  })()
}
