import type { Client, LibraryItem } from 'telestore-client'
import { createStore, type Store } from '../state/store.ts'
import { createListing, type Listing } from './listing.ts'
import { createPlaceStore, type PlaceStore } from './place-store.ts'
import { createPreferences, type Preferences } from './preferences.ts'
import { NOTHING, retain, type Selection } from './selection.ts'

/** What is in the user's channel, as the page shows it. */
export interface Library extends Pick<PlaceStore, 'place' | 'go'> {
  readonly preferences: Store<Preferences>
  readonly selection: Store<Selection>
  readonly listing: Listing
  /** The files of a folder and of those below it. */
  filesBelow: (folder: string) => Promise<LibraryItem[]>
  /** Reads the list again, soon: of many calls in a short time, one does it. */
  refresh: () => void
  close: () => void
}

const REFRESH_EVERY_MS = 1500
/** A list of ten thousand is twenty calls: it is read again every ten seconds at most. */
const REFRESH_MS_PER_ENTRY = 1
/** A scan of the channel shows how far it is. */
const SCAN_EVERY_MS = 2000
/** A search begins when no letter has come for so long. */
const TYPING_MS = 150

export interface LibraryOptions {
  client: Pick<Client, 'library'>
  onFailure: (error: unknown) => void
}

export function createLibrary({ client, onFailure }: LibraryOptions): Library {
  const { place, go, close } = createPlaceStore()
  const preferences = createPreferences()
  const selection = createStore<Selection>(NOTHING)
  const listing = createListing(client.library, onFailure)
  const stop = new AbortController()
  let refreshedAt = 0
  let refreshTimer: ReturnType<typeof setTimeout> | undefined
  let scanTimer: ReturnType<typeof setTimeout> | undefined
  let typingTimer: ReturnType<typeof setTimeout> | undefined
  let shown = place.value

  function refresh(): void {
    if (refreshTimer !== undefined || stop.signal.aborted) return
    const { entries } = listing.state.value
    const pause = Math.max(REFRESH_EVERY_MS, entries.length * REFRESH_MS_PER_ENTRY)
    const due = refreshedAt + pause - Date.now()
    refreshTimer = setTimeout(
      () => {
        refreshTimer = undefined
        refreshedAt = Date.now()
        void listing.refresh()
      },
      Math.max(0, due),
    )
  }

  function show(): void {
    clearTimeout(typingTimer)
    shown = place.value
    selection.set(NOTHING)
    void listing.show(place.value, preferences.value)
  }

  async function filesBelow(folder: string): Promise<LibraryItem[]> {
    const files: LibraryItem[] = []
    const query = { folder, recursive: true, limit: 500 }
    const { signal } = stop
    for await (const { items } of client.library.pages(query, { signal })) files.push(...items)
    return files
  }

  let { by, descending } = preferences.value
  const unfollows = [
    place.subscribe(() => {
      clearTimeout(typingTimer)
      const isTyping = place.value.words !== '' && place.value.words !== shown.words
      if (isTyping) typingTimer = setTimeout(show, TYPING_MS)
      else show()
    }),
    preferences.subscribe(() => {
      const next = preferences.value
      if (next.by === by && next.descending === descending) return
      by = next.by
      descending = next.descending
      show()
    }),
    listing.state.subscribe(() => {
      const { entries, sync, isLoading } = listing.state.value
      selection.set(
        retain(
          selection.value,
          entries.map(({ key }) => key),
        ),
      )
      clearTimeout(scanTimer)
      const isScanning = sync?.state === 'scanning' && !isLoading
      if (isScanning) scanTimer = setTimeout(refresh, SCAN_EVERY_MS)
    }),
  ]
  show()

  return {
    place,
    go,
    preferences,
    selection,
    listing,
    filesBelow,
    refresh,
    close: () => {
      stop.abort()
      clearTimeout(refreshTimer)
      clearTimeout(scanTimer)
      clearTimeout(typingTimer)
      for (const unfollow of unfollows) unfollow()
      listing.close()
      close()
    },
  }
}
