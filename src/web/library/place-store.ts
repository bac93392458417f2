import { createStore, type Store } from '../state/store.ts'
import { hashOf, type Place, placeOf } from './place.ts'

/** The place that the address of the page names: Back and Forward work, and it can be kept. */
export interface PlaceStore {
  readonly place: Store<Place>
  /** A `step` can be taken back with Back; without it the last step is rewritten, as while typing. */
  go: (place: Place, how: 'step' | 'rewrite') => void
  close: () => void
}

export function createPlaceStore(): PlaceStore {
  const place = createStore(placeOf(location.hash))
  const follow = (): void => {
    // Equal places are one, so that nothing is read twice.
    if (hashOf(placeOf(location.hash)) !== hashOf(place.value)) place.set(placeOf(location.hash))
  }
  addEventListener('popstate', follow)
  return {
    place,
    go: (next, how) => {
      const hash = hashOf(next)
      if (hash === hashOf(place.value)) return
      if (how === 'step') history.pushState(null, '', hash)
      else history.replaceState(null, '', hash)
      place.set(next)
    },
    close: () => removeEventListener('popstate', follow),
  }
}
