import { type Store, useStore } from '../../state/store.ts'

/** What is being changed in the channel now. */
export function Busy({ busy }: { busy: Store<string | null> }) {
  const words = useStore(busy)
  if (words === null) return null
  return (
    <p class="notice busy" role="status">
      {words}
    </p>
  )
}
