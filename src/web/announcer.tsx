import { createStore, useStore } from './state/store.ts'

const spoken = createStore<{ text: string; turn: number }>({ text: '', turn: 0 })

/** Says a change of state to those who do not see it. */
export function announce(text: string): void {
  spoken.set({ text, turn: spoken.value.turn + 1 })
}

export function Announcer() {
  const { text, turn } = useStore(spoken)
  return (
    <div class="unseen" role="status" aria-live="polite">
      {/* A new element each time: the same sentence twice is said twice. */}
      <span key={turn}>{text}</span>
    </div>
  )
}
