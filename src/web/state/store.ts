import { useEffect, useState } from 'preact/hooks'

/** A value that components show. They render again when it changes. */
export interface Store<T> {
  readonly value: T
  set: (value: T) => void
  subscribe: (listener: () => void) => () => void
}

export function createStore<T>(initial: T): Store<T> {
  const listeners = new Set<() => void>()
  let value = initial
  return {
    get value() {
      return value
    },
    set: (next) => {
      if (Object.is(next, value)) return
      value = next
      for (const listener of listeners) listener()
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState({})
  useEffect(() => {
    // Renders a value that was set between the first rendering and this effect.
    redraw({})
    return store.subscribe(() => redraw({}))
  }, [store])
  return store.value
}
