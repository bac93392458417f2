import { createCondition } from '../waiting/condition.ts'

/** Lets callers through, makes them wait, or turns them away. Shut at first. */
export interface Gate {
  /** Resolves while it is open; rejects with the reason it was barred for, or the signal's. */
  pass: (signal: AbortSignal) => Promise<void>
  open: () => void
  /** Turns away callers, those that wait as well, until it is opened. */
  bar: (reason: Error) => void
  readonly isOpen: boolean
}

export function createGate(): Gate {
  const changes = createCondition()
  let state: 'shut' | 'open' | Error = 'shut'

  function become(next: 'open' | Error): void {
    state = next
    changes.changed()
  }

  function isOpen(): boolean {
    if (state instanceof Error) throw state
    return state === 'open'
  }

  return {
    pass: async (signal) => {
      await changes.until(isOpen, { signal })
    },
    open: () => become('open'),
    bar: become,
    get isOpen() {
      return state === 'open'
    },
  }
}
