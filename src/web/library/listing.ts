import type {
  Client,
  LibraryFolder,
  LibraryItem,
  LibraryPage,
  LibraryQuery,
  LibrarySync,
} from 'telestore-client'
import { createStore, type Store } from '../state/store.ts'
import type { Place } from './place.ts'

export type SortBy = 'name' | 'size' | 'date'

export interface Order {
  by: SortBy
  descending: boolean
}

/** One line of the list. Its key stays the same when the list is read again. */
export type Entry =
  | { kind: 'folder'; key: string; name: string; folder: LibraryFolder }
  | { kind: 'file'; key: string; name: string; file: LibraryItem }

export interface ListingState {
  /** Folders first. Those of the last place stay until those of a new one are here. */
  entries: readonly Entry[]
  /** Continues the list; null at its end. */
  next: string | null
  sync: LibrarySync | null
  isLoading: boolean
  /** Why the list cannot be shown; null when it can. */
  error: unknown
}

/** The entries of one place, page after page. */
export interface Listing {
  readonly state: Store<ListingState>
  /** Reads another place from its beginning. */
  show: (place: Place, order: Order) => Promise<void>
  /** Reads the same place again, as far as it was read. */
  refresh: () => Promise<void>
  /** Reads the next page; nothing at the end, and nothing while another call reads. */
  more: () => Promise<void>
  /** Reads the list to its end. */
  all: () => Promise<void>
  close: () => void
}

/** The most that one call answers with. */
const PAGE = 500

const EMPTY: ListingState = { entries: [], next: null, sync: null, isLoading: true, error: null }

/** Calls do not reject: what went wrong stands in the state, and is told to `onFailure`. */
export function createListing(
  library: Pick<Client['library'], 'list'>,
  onFailure: (error: unknown) => void,
): Listing {
  const state = createStore<ListingState>(EMPTY)
  /** What is listed; null before that, and when the listing is closed. */
  let request: Request | null = null
  /** The list is being read again. `isAsked`: a change came meanwhile. */
  let refreshing: { isAsked: boolean; done: Promise<void> } | null = null
  let reading = new AbortController()

  const patch = (part: Partial<ListingState>): void => state.set({ ...state.value, ...part })

  async function readPage(cursor: string | null, signal: AbortSignal): Promise<LibraryPage> {
    const page = await library.list(request?.query, { signal, cursor })
    return request?.hidesFolders ? { ...page, folders: [] } : page
  }

  /**
   * Runs `work` in place of whatever reads now. What it resolves with becomes part of the state; when it
   * fails, `onFault` does.
   */
  async function read(
    work: (signal: AbortSignal) => Promise<Partial<ListingState>>,
    onFault: Partial<ListingState> = {},
  ): Promise<void> {
    reading.abort(new Error('another list was asked for'))
    reading = new AbortController()
    const { signal } = reading
    patch({ isLoading: true })
    try {
      const part = await work(signal)
      if (!signal.aborted) patch({ ...part, isLoading: false, error: null })
    } catch (error) {
      if (signal.aborted) return
      patch({ ...onFault, isLoading: false, error })
      onFailure(error)
    }
  }

  /** Reads from the beginning until there are as many entries as `wanted`. */
  async function readAgain(signal: AbortSignal, wanted: number): Promise<Partial<ListingState>> {
    let page = await readPage(null, signal)
    const entries = entriesOf(page)
    while (page.next !== null && entries.length < wanted) {
      page = await readPage(page.next, signal)
      entries.push(...entriesOf(page))
    }
    return { entries: foldersFirst(entries), next: page.next, sync: page.sync }
  }

  async function readNext(signal: AbortSignal): Promise<Partial<ListingState>> {
    const { next, entries } = state.value
    const page = await readPage(next, signal)
    const known = new Set(entries.map(({ key }) => key))
    const added = entriesOf(page).filter(({ key }) => !known.has(key))
    return { entries: foldersFirst([...entries, ...added]), next: page.next, sync: page.sync }
  }

  /** Changes may come faster than a long list is read: each reading is finished. */
  async function refresh(): Promise<void> {
    if (refreshing) {
      refreshing.isAsked = true
      return refreshing.done
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const now = { isAsked: true, done: promise }
    refreshing = now
    while (now.isAsked && request !== null) {
      now.isAsked = false
      await read((signal) => readAgain(signal, state.value.entries.length))
    }
    refreshing = null
    resolve()
  }

  return {
    state,
    refresh,
    show: (place, order) => {
      request = requestFor(place, order)
      return read((signal) => readAgain(signal, 0), { entries: [], next: null })
    },
    more: async () => {
      if (state.value.next !== null && !state.value.isLoading) await read(readNext)
    },
    all: () =>
      read(async (signal) => {
        while (state.value.next !== null) {
          const part = await readNext(signal)
          signal.throwIfAborted()
          patch(part)
        }
        return {}
      }),
    close: () => {
      request = null
      reading.abort(new Error('signed out'))
    },
  }
}

/** One list of the worker. */
interface Request {
  query: LibraryQuery
  hidesFolders: boolean
}

function requestFor({ folder, words, kind }: Place, { by, descending }: Order): Request {
  const isSearch = words !== '' || kind !== null
  const query: LibraryQuery = {
    folder,
    sort: by,
    order: descending ? 'desc' : 'asc',
    limit: PAGE,
    ...(isSearch && { recursive: true }),
    ...(words !== '' && { q: words }),
    ...(kind !== null && { kind }),
  }
  // A kind is one of files.
  return { query, hidesFolders: kind !== null && words === '' }
}

function entriesOf({ folders, items }: LibraryPage): Entry[] {
  return [
    ...folders.map((folder): Entry => {
      return { kind: 'folder', key: `folder ${folder.path}`, name: folder.name, folder }
    }),
    ...items.map((file): Entry => {
      return { kind: 'file', key: `file ${file.messageId}`, name: file.fileName, file }
    }),
  ]
}

/** A later page may have folders as well. */
function foldersFirst(entries: readonly Entry[]): Entry[] {
  const isFolder = ({ kind }: Entry): boolean => kind === 'folder'
  return [...entries.filter(isFolder), ...entries.filter((entry) => !isFolder(entry))]
}
