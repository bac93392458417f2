import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import type { TicketService } from '../access/ticket-service.ts'
import type { DownloadService } from '../downloads/download-service.ts'
import type { LibraryFiles } from '../downloads/library-files.ts'
import type { Follower } from '../library/follow/follower.ts'
import type { ByteRange } from '../model/byte-range.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import { isTicket } from '../model/ticket-format.ts'
import type { ArchiveList, ArchiveListEntry, ArchiveRecords } from '../ports/archives.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Digests } from '../ports/records.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import { createEntryFiles } from './entry-files.ts'
import { type ArchiveWish, type FileListing, findFiles, listFiles } from './list-files.ts'
import { hasRanges, lostFile, type OpenedList, openList } from './open-list.ts'
import { readArchive } from './read-archive.ts'

export interface ArchiveServiceOptions extends FileListing {
  ledger: Pick<ArchiveRecords, 'keepArchive' | 'findArchive'> & Pick<Ledger, 'keepReceipt'>
  credentials: Pick<CredentialsProvider, 'forUpload'>
  tickets: Pick<TicketService, 'openArchive'>
  files: LibraryFiles
  downloads: Pick<DownloadService, 'read'>
  follower: Pick<Follower, 'look'>
  workGate: Pick<WorkGate, 'assertNew'>
  log: Pick<Log, 'warn'>
}

/** An archive that was asked for. */
export interface FoundArchive {
  fileName: string
  size: number
  /** Strong, with its quotes. */
  etag: string
  /** False: it can only be sent whole, until that has been done once. */
  hasRanges: boolean
  /** Whether it was listed for this request: nobody can have a part of it, unless by its ETag. */
  isNew: boolean
  /** Core's user id of the token's or ticket's owner. */
  owner: string
  /** What it yields is exactly the range, or it throws; see `readArchive`. */
  read: (range: ByteRange, signal: AbortSignal) => AsyncGenerator<Uint8Array>
}

export interface ArchiveRequest {
  wish: ArchiveWish
  /**
   * Whether the caller has a part of the archive already: then it is the one that was asked for last
   * in these words, whatever has come into the library since.
   */
  resumes: boolean
  /**
   * The id of the share whose visitor asks. The lists of a share are its own, and what it has no more
   * is refused: what others were given by the same words, and what was shared before, is not shared.
   */
  share?: string
}

/**
 * ZIP files of what is in the library, made while they are sent. Calls reject as `listFiles` does,
 * with SHUTTING_DOWN, with MESSAGE_NOT_FOUND, which names the file, where one that was listed is not in
 * the channel any more, and with FILE_TOO_LARGE where a bot alone cannot read it.
 */
export interface ArchiveService {
  /**
   * For the holder of a login token, who says what the archive has, or of a ticket for one, which
   * says it itself. Rejects with TOKEN_REFUSED, FORBIDDEN (a ticket for something else), and
   * INVALID_REQUEST for a login token without a request.
   */
  find: (
    token: string,
    request: ArchiveRequest | null,
    signal: AbortSignal,
  ) => Promise<FoundArchive>
  /** The same for a caller who may read these files with these credentials of their owner. */
  findFor: (
    credentials: Credentials,
    request: ArchiveRequest,
    signal: AbortSignal,
  ) => Promise<FoundArchive>
  /** Keeps what an archive has for so many milliseconds, for a ticket. Resolves with the list's id. */
  keepList: (
    token: string,
    wish: ArchiveWish,
    { lifetimeMs, signal }: { lifetimeMs: number; signal: AbortSignal },
  ) => Promise<string>
}

/** For how long an archive that was begun can be resumed by the same words. */
const KEEP_MS = 24 * 3_600_000
/** A ticket's end is a whole second. */
const SECOND_MS = 1_000
/** For how long the files of a list are taken to be in the library. */
const CHECKED_MS = 60_000
/** Entries of all lists that stay in memory; each takes about 300 bytes. */
const MAX_OPENED = 100_000

export function createArchiveService(options: ArchiveServiceOptions): ArchiveService {
  const { catalogue, ledger, credentials, tickets, downloads, follower, workGate, now } = options
  const opened = createTtlCache<OpenedList | null>({
    maxEntries: MAX_OPENED,
    weigh: (archive) => archive?.list.entries.length ?? 1,
  })
  const files = createEntryFiles(options.files)

  /** Null where no list is kept by this id. */
  function openKept(id: string, granted: Credentials): Promise<OpenedList | null> {
    const load = async (): Promise<OpenedList | null> => {
      const list = await ledger.findArchive(id, now())
      if (list === null) return null
      const ids = list.entries.flatMap(({ messageId }) => messageId ?? [])
      return openList(list, await findFiles(options, libraryKeyOf(granted), ids))
    }
    return opened.load(id, load, timeToKeep)
  }

  async function openNew(
    id: string,
    granted: Credentials,
    { wish, signal }: { wish: ArchiveWish; signal: AbortSignal },
  ): Promise<OpenedList> {
    const { list, files: listed } = await listFiles(options, granted, { wish, signal })
    const archive = openList(list, listed)
    const before = opened.get(id)
    // What has been learned of its bytes meanwhile stays.
    if (before?.etag === archive.etag) return before
    await keep(id, granted, { list, expiresAt: now() + KEEP_MS }).catch((err: unknown) => {
      options.log.warn({ err }, 'an archive cannot be resumed once its list has left the memory')
    })
    opened.set(id, archive, timeToKeep(archive))
    return archive
  }

  function keep(
    id: string,
    { userId: owner }: Credentials,
    kept: { list: ArchiveList; expiresAt: number },
  ): Promise<void> {
    return ledger.keepArchive({ id, owner, ...kept })
  }

  async function foundAs(
    id: string,
    granted: Credentials,
    { archive, isNew, signal }: { archive: OpenedList; isNew: boolean; signal: AbortSignal },
  ): Promise<FoundArchive> {
    const { list, layout, etag, crcs, measured } = archive
    await files.assertNoneLost(granted, list, signal)
    const entryAt = (index: number): ArchiveListEntry => {
      const entry = list.entries[index]
      if (!entry) throw new RangeError('the archive has no such entry')
      return entry
    }

    async function learn(index: number, digests: Digests): Promise<void> {
      const { messageId, documentId, size, path } = entryAt(index)
      const crc32 = Number.parseInt(digests.crc32, 16)
      const claimed = layout.entries[index]?.crc32 ?? null
      if (documentId !== null) {
        await keepDigests({ granted, messageId, documentId, size, digests }).catch(
          (err: unknown) => {
            options.log.warn({ messageId, err }, 'the digests of a file that was read are lost')
          },
        )
      }
      measured.add(index)
      if (claimed === null) crcs.set(index, crc32)
      else if (claimed !== crc32) {
        opened.delete(id)
        throw new Error(`the caption of ${path} claims a CRC-32 that its bytes do not have`)
      }
    }

    return {
      ...{ fileName: list.fileName, size: layout.size, etag, owner: granted.userId },
      ...{ hasRanges: hasRanges(archive), isNew },
      read: (range, aborts) =>
        readArchive(
          {
            layout,
            crcOf: (index) => {
              const crc32 = crcs.get(index)
              if (crc32 === undefined) throw new RangeError('a CRC-32 is not known yet')
              return crc32
            },
            open: (index, until) => files.open(granted, entryAt(index), until),
            read: downloads.read,
            isMeasured: (index) => measured.has(index),
            onMeasured: learn,
          },
          range,
          aborts,
        ),
    }
  }

  /** Files that are asked for by their ids are in the list of the same words, and no others. */
  async function assertInside(
    granted: Credentials,
    wish: ArchiveWish,
    { entries }: ArchiveList,
  ): Promise<void> {
    if (wish.kind === 'items') return
    const tree = await catalogue.libraryTree(libraryKeyOf(granted), wish.path)
    const inside = new Set(tree?.fileIds)
    const moved = entries.find(({ messageId }) => messageId !== null && !inside.has(messageId))
    if (moved) throw lostFile(moved, 'moved')
  }

  async function keepDigests(read: {
    granted: Credentials
    messageId: number | null
    documentId: string
    size: number
    digests: Digests
  }): Promise<void> {
    await ledger.keepReceipt(read.documentId, read.size, read.digests)
    const key = libraryKeyOf(read.granted)
    const ids = read.messageId === null ? [] : [read.messageId]
    // The row takes the digests of the receipt when it is written.
    const files = (await catalogue.libraryFiles(key, ids)).map((file) => {
      return { ...file, knowsPlace: true }
    })
    await catalogue.applyToLibrary(key, { files })
  }

  async function findFor(
    granted: Credentials,
    { wish, resumes, share }: ArchiveRequest,
    signal: AbortSignal,
  ): Promise<FoundArchive> {
    workGate.assertNew()
    follower.look(granted)
    const id = idOf(granted, share === undefined ? wish : { share, wish })
    const known = resumes ? await openKept(id, granted) : null
    if (known !== null && share !== undefined) await assertInside(granted, wish, known.list)
    const archive = known ?? (await openNew(id, granted, { wish, signal }))
    return foundAs(id, granted, { archive, isNew: known === null, signal })
  }

  return {
    findFor,
    find: async (token, request, signal) => {
      workGate.assertNew()
      if (!isTicket(token)) {
        const granted = await credentials.forUpload(token)
        if (request === null) throw nothingAsked()
        return findFor(granted, request, signal)
      }
      const { credentials: granted, listId } = await tickets.openArchive(token)
      follower.look(granted)
      const archive = await openKept(listId, granted)
      if (archive === null) throw new AppError('TOKEN_REFUSED', 'This link has expired')
      return foundAs(listId, granted, { archive, isNew: false, signal })
    },
    keepList: async (token, wish, { lifetimeMs, signal }) => {
      const granted = await credentials.forUpload(token)
      follower.look(granted)
      const { list } = await listFiles(options, granted, { wish, signal })
      const id = idOf(granted, list)
      await keep(id, granted, { list, expiresAt: now() + lifetimeMs + SECOND_MS })
      return id
    },
  }
}

/** The same for the same words, or the same list, of one library. */
function idOf(
  granted: Credentials,
  of: ArchiveWish | ArchiveList | { share: string; wish: ArchiveWish },
): string {
  const text = JSON.stringify([libraryKeyOf(granted), of])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function timeToKeep(archive: OpenedList | null): number {
  return archive === null ? 0 : CHECKED_MS
}

function nothingAsked(): AppError {
  return new AppError('INVALID_REQUEST', 'items: either it or folder is needed', {
    details: { field: 'items' },
  })
}
