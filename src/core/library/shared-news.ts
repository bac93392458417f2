import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import type { LibraryNewsRecords } from '../ports/cluster/library-news.ts'
import type { Log } from '../ports/log.ts'
import { createLibraryNews, type LibraryNews } from './library-news.ts'

/** Milliseconds between two looks for what other nodes have changed. */
const LOOK_EVERY_MS = 1_000

export interface SharedNewsOptions {
  records: LibraryNewsRecords
  log: Log
  everyMs?: number
}

/**
 * The news of a cluster: what one node changes the listeners of every node hear of. Each change is counted
 * in a row; a node that has listeners looks at the rows of their owners, once a second for all of them.
 */
export function createSharedNews({
  records,
  log,
  everyMs = LOOK_EVERY_MS,
}: SharedNewsOptions): LibraryNews {
  const local = createLibraryNews()
  const listeners = createKeyCounts()
  /** Changes of those who have listeners here; null: they were not looked at yet. */
  const counted = new Map<string, number | null>()
  let timer: NodeJS.Timeout | null = null

  function tell(owner: string, changes: number): void {
    const before = counted.get(owner)
    // Nobody listens any more, or what was counted here meanwhile is not in the answer.
    if (before === undefined || (before !== null && before >= changes)) return
    counted.set(owner, changes)
    if (before !== null) local.changed(owner)
  }

  async function look(): Promise<void> {
    const owners = [...counted.keys()]
    try {
      const changes = await records.libraryChanges(owners)
      for (const owner of owners) tell(owner, changes.get(owner) ?? 0)
    } catch (err) {
      log.debug({ err }, 'what other nodes have changed in libraries is looked for again')
    }
  }

  function listen(owner: string): () => void {
    const leave = listeners.add(owner)
    if (!counted.has(owner)) {
      counted.set(owner, null)
      void look()
    }
    timer ??= setInterval(() => void look(), everyMs).unref()
    return () => {
      leave()
      if (listeners.of(owner) > 0) return
      counted.delete(owner)
      if (counted.size > 0 || timer === null) return
      clearInterval(timer)
      timer = null
    }
  }

  async function count(owner: string): Promise<void> {
    try {
      const changes = await records.countLibraryChange(owner)
      // What was told here is not told again by the next look.
      if (counted.get(owner) === changes - 1) counted.set(owner, changes)
    } catch (err) {
      log.warn({ err }, 'other nodes do not hear of a change of a library before the next one')
    }
  }

  return {
    subscribe: (owner, listener) => {
      const unsubscribe = local.subscribe(owner, listener)
      const leave = listen(owner)
      let isOver = false
      return () => {
        if (isOver) return
        isOver = true
        unsubscribe()
        leave()
      }
    },
    changed: (owner) => {
      local.changed(owner)
      void count(owner)
    },
  }
}
