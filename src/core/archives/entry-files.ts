import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { LibraryFiles, OpenFile } from '../downloads/library-files.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { ArchiveList, ArchiveListEntry } from '../ports/archives.ts'
import type { Credentials } from '../ports/credentials.ts'
import { isSameFile, type Loss, lostFile } from './open-list.ts'

/** The files of archives, which may be gone from the channel before their turn comes. */
export interface EntryFiles {
  /** Rejects as `LibraryFiles.open` does, and with `lostFile`; so does reading it. */
  open: (
    credentials: Credentials,
    entry: ArchiveListEntry,
    signal: AbortSignal,
  ) => Promise<OpenFile>
  /**
   * Rejects with `lostFile` where a file of the list was found lost lately, and still is: an archive
   * that broke off is refused by its next request, before bytes are sent that end at the same place.
   */
  assertNoneLost: (
    credentials: Credentials,
    list: ArchiveList,
    signal: AbortSignal,
  ) => Promise<void>
}

const LOST_MS = 600_000
const MAX_LIBRARIES = 1_000

export function createEntryFiles(files: LibraryFiles): EntryFiles {
  /** Of each library the message that was found lost last. */
  const lost = createTtlCache<number>({ maxEntries: MAX_LIBRARIES })

  async function open(
    credentials: Credentials,
    entry: ArchiveListEntry,
    signal: AbortSignal,
  ): Promise<OpenFile> {
    const { messageId } = entry
    if (messageId === null) throw new Error('a folder has no bytes')
    const library = nameOf(credentials)
    const lose = (how: Loss): AppError => {
      lost.set(library, messageId, LOST_MS)
      return lostFile(entry, how)
    }
    const orLost = (error: unknown): unknown => {
      if (!(error instanceof AppError)) return error
      if (error.code === 'MESSAGE_NOT_FOUND') return lose('gone')
      if (error.code === 'FILE_TOO_LARGE') return lose('too-large')
      return error.code === 'FILE_INCOMPLETE' ? lose('incomplete') : error
    }

    const file = await files.open({ credentials, messageId }, signal).catch((error: unknown) => {
      throw orLost(error)
    })
    if (!isSameFile(entry, file)) throw lose('replaced')
    return {
      ...file,
      read: async function* (range, aborts) {
        try {
          yield* file.read(range, aborts)
        } catch (error) {
          throw orLost(error)
        }
      },
    }
  }

  return {
    open,
    assertNoneLost: async (credentials, { entries }, signal) => {
      const library = nameOf(credentials)
      const messageId = lost.get(library)
      const entry = messageId && entries.find((each) => each.messageId === messageId)
      if (!entry) return
      await open(credentials, entry, signal)
      lost.delete(library)
    },
  }
}

function nameOf(credentials: Credentials): string {
  const { owner, channelId } = libraryKeyOf(credentials)
  return JSON.stringify([owner, channelId])
}
