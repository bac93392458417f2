import { createStore, type Store } from '../state/store.ts'
import type { Entry } from './listing.ts'

/** Deletions that the user can take back for a while. */
export interface PendingDeletes {
  /** What is deleted when the time is over. */
  readonly waiting: Store<readonly Entry[]>
  /** Keys of all that the list does not show: what waits, and what is being deleted. */
  readonly hidden: Store<ReadonlySet<string>>
  /** Joins what waits already, and the time begins anew. */
  add: (entries: readonly Entry[]) => void
  undo: () => void
  /** Stops the time while the user is at the button, and lets it begin anew after that. */
  hold: (isHeld: boolean) => void
  /** Deletes what waits, now. */
  flush: () => void
}

export interface PendingDeletesOptions {
  delayMs: number
  /** Resolves when the entries are gone. Must not reject. */
  send: (entries: readonly Entry[]) => Promise<void>
}

export function createPendingDeletes({ delayMs, send }: PendingDeletesOptions): PendingDeletes {
  const waiting = createStore<readonly Entry[]>([])
  const hidden = createStore<ReadonlySet<string>>(new Set())
  let timer: ReturnType<typeof setTimeout> | undefined

  function show(entries: readonly Entry[]): void {
    const keys = new Set(entries.map(({ key }) => key))
    hidden.set(new Set([...hidden.value].filter((key) => !keys.has(key))))
  }

  function restart(): void {
    clearTimeout(timer)
    if (waiting.value.length > 0) timer = setTimeout(flush, delayMs)
  }

  function flush(): void {
    clearTimeout(timer)
    const entries = waiting.value
    if (entries.length === 0) return
    waiting.set([])
    void send(entries).then(() => show(entries))
  }

  return {
    waiting,
    hidden,
    flush,
    add: (entries) => {
      hidden.set(new Set([...hidden.value, ...entries.map(({ key }) => key)]))
      waiting.set([...waiting.value, ...entries])
      restart()
    },
    undo: () => {
      clearTimeout(timer)
      show(waiting.value)
      waiting.set([])
    },
    hold: (isHeld) => {
      if (isHeld) clearTimeout(timer)
      else restart()
    },
  }
}
