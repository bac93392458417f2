import { createStore, useStore } from './state/store.ts'

const spoken = createStore<{ text: string; turn: number }>({ text: '', turn: 0 })

/** Announces a change of state to screen readers. */
export function announce(text: string): void {
  spoken.set({ text, turn: spoken.value.turn + 1 })
}

export function Announcer() {
  const { text, turn } = useStore(spoken)
  return (
    <div class="unseen" role="status" aria-live="polite">
      {/* A new element each time, so that a repeated sentence is read again. */}
      <span key={turn}>{text}</span>
    </div>
  )
}
