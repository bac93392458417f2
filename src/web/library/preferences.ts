import { readJson, writeText } from '../state/storage.ts'
import { createStore, type Store } from '../state/store.ts'
import type { Order } from './listing.ts'

export type View = 'list' | 'tiles'

/** How this browser shows the library. */
export interface Preferences extends Order {
  view: View
}

const NAME = 'library-view'
const ORDERS = ['name', 'size', 'date'] as const

/** Preferences that stay in this browser, for all users. */
export function createPreferences(): Store<Preferences> {
  const { by, descending, view }: Record<string, unknown> = {
    ...Object(readJson(localStorage, NAME)),
  }
  const store = createStore<Preferences>({
    by: ORDERS.find((each) => each === by) ?? 'date',
    descending: descending !== false,
    view: view === 'tiles' ? 'tiles' : 'list',
  })
  store.subscribe(() => void writeText(localStorage, NAME, JSON.stringify(store.value)))
  return store
}
