import { AppError } from '../../errors.ts'
import { formatFolderPath } from '../model/library/folder-path.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type {
  Catalogue,
  Leftover,
  LibraryKey,
  LibraryPage,
  LibraryPosition,
  LibraryQuery,
  LibrarySync,
  ShownFile,
} from '../ports/catalogue.ts'
import type { ChannelGateway } from '../ports/channel.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import { createCursors, type LibraryCursors } from './cursor.ts'
import type { Follower } from './follow/follower.ts'
import { createLibraryFeed, type LibraryNews } from './library-news.ts'

export interface LibraryServiceOptions {
  catalogue: Pick<
    Catalogue,
    'libraryPage' | 'libraryFile' | 'librarySync' | 'libraryLeftovers' | 'libraryVolumes'
  >
  credentials: Pick<CredentialsProvider, 'forUpload'>
  channel: Pick<ChannelGateway, 'reader'>
  follower: Pick<Follower, 'look' | 'rescan' | 'isLooking'>
  news: LibraryNews
  /** Signs cursors: 32 bytes, the same after a restart. */
  cursorKey: Buffer
}

/**
 * | state | means |
 * |---|---|
 * | `never` | the channel has not been read yet |
 * | `scanning` | it is being read: more files may come |
 * | `current` | the rows agreed with the channel at `at` |
 * | `unavailable` | the channel's messages cannot be seen; the rows are what was posted from here |
 */
export interface LibraryState {
  state: 'current' | 'scanning' | 'never' | 'unavailable'
  /** Messages that the reading on its way has read. */
  seen: number
  /** About how many there are, where that is known. */
  total: number | null
  /** When the rows last agreed with the channel. */
  at: number | null
}

export interface LibraryRequest extends Omit<LibraryQuery, 'after'> {
  /** Of the page before. */
  cursor: string | null
}

export interface LibraryListing {
  page: Pick<LibraryPage, 'files' | 'folders'>
  /** The cursor of the next page, or null. */
  next: string | null
  state: LibraryState
  key: LibraryKey
}

export interface LeftoverPosts extends Leftover {
  /** Of the volumes, the oldest first: a thousand at most. */
  messageIds: number[]
}

/**
 * A user's library, read for the holder of a login token. Calls reject as `forUpload` does, and wait
 * for nothing but the ledger.
 */
export interface LibraryService {
  /** Rejects with FOLDER_NOT_FOUND, and INVALID_REQUEST for a cursor of another query. */
  list: (token: string, request: LibraryRequest) => Promise<LibraryListing>
  /** Rejects with MESSAGE_NOT_FOUND. */
  find: (token: string, messageId: number) => Promise<{ file: ShownFile; key: LibraryKey }>
  rescan: (token: string) => Promise<LibraryState>
  /** Volumes that belong to no file, the newest first: a hundred files of them at most. */
  leftovers: (token: string) => Promise<LeftoverPosts[]>
  /** Yields whenever the library has changed, until the signal aborts. */
  changes: (token: string, signal: AbortSignal) => Promise<AsyncGenerator<void, never, undefined>>
}

export function createLibraryService(options: LibraryServiceOptions): LibraryService {
  const { catalogue, credentials, follower, news } = options
  const cursors = createCursors(options.cursorKey)

  async function stateOf(granted: Credentials, key: LibraryKey): Promise<LibraryState> {
    if (options.channel.reader(granted) === null) return UNSEEN
    return describeSync(await catalogue.librarySync(key), follower.isLooking(key))
  }

  return {
    list: async (token, { cursor, ...request }) => {
      const granted = await credentials.forUpload(token)
      const key = libraryKeyOf(granted)
      const after = cursor === null ? START : positionIn(cursor, cursors, { key, ...request })
      follower.look(granted)
      const page = await catalogue.libraryPage(key, { ...request, after })
      if (page === null) throw folderNotFound(request.path)
      const next = page.next && cursors.encode(page.next, { key, ...request })
      return { page, next, state: await stateOf(granted, key), key }
    },
    find: async (token, messageId) => {
      const granted = await credentials.forUpload(token)
      const key = libraryKeyOf(granted)
      follower.look(granted)
      const file = await catalogue.libraryFile(key, messageId)
      if (file === null)
        throw new AppError('MESSAGE_NOT_FOUND', 'There is no such file in the library')
      return { file, key }
    },
    rescan: async (token) => {
      const granted = await credentials.forUpload(token)
      follower.rescan(granted)
      const state = await stateOf(granted, libraryKeyOf(granted))
      // It begins in the background.
      return state.state === 'current' ? { ...state, state: 'scanning' } : state
    },
    leftovers: async (token) => {
      const granted = await credentials.forUpload(token)
      const key = libraryKeyOf(granted)
      follower.look(granted)
      const found = await catalogue.libraryLeftovers(key, { limit: MAX_LEFTOVERS })
      return Promise.all(
        found.map(async (left) => {
          const volumes = await catalogue.libraryVolumes(key, left.captionId)
          const messageIds = volumes.slice(0, MAX_MESSAGES).map(({ messageId }) => messageId)
          return { ...left, messageIds }
        }),
      )
    },
    changes: async (token, signal) => {
      const { userId } = await credentials.forUpload(token)
      return createLibraryFeed(news, userId, { signal })
    },
  }
}

const MAX_LEFTOVERS = 100
/** What one call deletes. */
const MAX_MESSAGES = 1_000
const START: LibraryPosition = { file: 'start', folder: 'start' }
const UNSEEN: LibraryState = { state: 'unavailable', seen: 0, total: null, at: null }

/** What a library's row says to its owner. */
export function describeSync(sync: LibrarySync | null, isLooking: boolean): LibraryState {
  const { pts = null, scan = null, lookedAt: at = null } = sync ?? {}
  const { seen = 0, total = null } = scan ?? {}
  const isComplete = pts !== null && scan === null && at !== null
  const isUntouched = pts === null && scan === null && at === null
  if (isComplete) return { state: 'current', seen, total, at }
  return { state: isUntouched && !isLooking ? 'never' : 'scanning', seen, total, at }
}

function positionIn(
  cursor: string,
  cursors: LibraryCursors,
  query: Parameters<LibraryCursors['decode']>[1],
): LibraryPosition {
  const position = cursors.decode(cursor, query)
  if (position !== null) return position
  throw new AppError('INVALID_REQUEST', 'cursor: is not one of this query', {
    details: { field: 'cursor' },
  })
}

export function folderNotFound(path: readonly string[]): AppError {
  return new AppError('FOLDER_NOT_FOUND', `There is no folder ${formatFolderPath(path)}`)
}
