import { AppError } from '../../errors.ts'
import type { ArchiveWish } from '../archives/list-files.ts'
import { createCursors } from '../library/cursor.ts'
import { type FolderPath, formatFolderPath, isWithinFolder } from '../model/library/folder-path.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import {
  decodeShareId,
  encodePass,
  passHolds,
  type ShareKeys,
  VISIT_MS,
  visitHash,
} from '../model/share-format.ts'
import { type ShareState, shareEndOf, shareStateOf } from '../model/share-state.ts'
import { holderOf, type TicketKeys } from '../model/ticket-format.ts'
import type { Catalogue, FolderSummary, LibraryKey, ShownFile } from '../ports/catalogue.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { ShareMetrics } from '../ports/metrics.ts'
import type { KnownShare, ShareContent, ShareRecords } from '../ports/shares.ts'
import type { Passwords } from './passwords.ts'
import { shareNotFound } from './share-service.ts'

/** How long a password that was right is not asked for again. */
export const PASS_MS = 24 * 3_600_000
/** Files of a page, and folders too. */
const PAGE = 500

export interface ShareDoorOptions {
  ledger: ShareRecords
  catalogue: Pick<Catalogue, 'libraryFile' | 'libraryFiles' | 'libraryFolderOfId' | 'libraryPage'>
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  /** Called when a share is used: its library may have changed. */
  look: (granted: Credentials) => void
  passwords: Pick<Passwords, 'matches'>
  keys: ShareKeys & Pick<TicketKeys, 'name'>
  /** Signs cursors: 32 bytes. */
  cursorKey: Buffer
  metrics: ShareMetrics
  now: () => number
}

/** What a visitor brings along, as it came. */
export interface ShareVisitor {
  /** The name of the visit, if there is one. */
  visit?: string | undefined
  /** What shows that the password was right, if it was asked. */
  pass?: string | undefined
}

/** A share that its visitor may use. */
export interface OpenShare {
  readonly share: KnownShare
  readonly endsAt: number
  /** Its owner's. */
  readonly credentials: Credentials
}

/** What is in a share at this moment. */
export interface ShareContents {
  /** Files that are shared one by one, as they are in the library now. */
  readonly files: readonly ShownFile[]
  /** The folder that is shared, where it is now; null: files are shared, or the folder is gone. */
  readonly folder: FolderPath | null
  /** Of everything in it. */
  readonly total: { readonly files: number; readonly bytes: number }
}

export interface SharePage {
  files: readonly ShownFile[]
  folders: readonly FolderSummary[]
  next: string | null
}

export interface SharePageRequest {
  /** Seen from the shared folder. */
  path: FolderPath
  recursive: boolean
  cursor: string | null
}

/**
 * Shares, for those who have their addresses. Calls that take a share's name reject with
 * SHARE_NOT_FOUND, and with SHARE_ENDED for a share that cannot be used any more.
 */
export interface ShareDoor {
  /** Says, before anything is asked of the owner's backend, whether the visitor may come in. */
  knock: (name: string, visitor: ShareVisitor) => Promise<{ needsPassword: boolean }>
  /** Rejects with SHARE_PASSWORD_NEEDED, and as `forRunningUpload` does while the backend is down. */
  enter: (name: string, visitor: ShareVisitor) => Promise<OpenShare>
  /**
   * Resolves with a pass for one who knows the password; null: the share has none.
   * Rejects with SHARE_PASSWORD_WRONG, and with BUSY.
   */
  unlock: (
    name: string,
    password: string,
    visitor: ShareVisitor,
  ) => Promise<{ pass: string; maxAgeMs: number } | null>
  contents: (open: OpenShare) => Promise<ShareContents>
  /** Rejects with FOLDER_NOT_FOUND, and INVALID_REQUEST for a cursor of another page. */
  list: (open: OpenShare, contents: ShareContents, request: SharePageRequest) => Promise<SharePage>
  /** Rejects with MESSAGE_NOT_FOUND for what is not in the share. */
  file: (open: OpenShare, messageId: number) => Promise<ShownFile>
  /**
   * Counts a download of one file by its message, or of a folder as an archive by its path: called
   * before its first byte is sent. Rejects with SHARE_ENDED where no download is left.
   */
  count: (open: OpenShare, visitor: ShareVisitor, what: number | FolderPath) => Promise<void>
  /** What an archive of all that is shared has, or of one folder in it. Throws FOLDER_NOT_FOUND. */
  archive: (contents: ShareContents, path: FolderPath) => ArchiveWish
}

export function createShareDoor(options: ShareDoorOptions): ShareDoor {
  const { ledger, catalogue, credentials, passwords, keys, metrics, now } = options
  const cursors = createCursors(options.cursorKey)

  /** A share that this visitor may still use. */
  async function find(name: string, { visit }: ShareVisitor): Promise<KnownShare> {
    const id = decodeShareId(name, keys)
    if (id === null) throw shareNotFound()
    const share = await ledger.findShare(id)
    // Its name was made here, so there was such a share.
    if (share === null) throw ended('ended')
    const time = now()
    const state = shareStateOf(share, time)
    if (state === 'open') return share
    const known = visitHash(visit)
    const goesOn =
      state === 'used-up' &&
      known !== null &&
      (await ledger.hasVisited({ id, visit: known, visitMs: VISIT_MS, now: time }))
    if (!goesOn) throw ended(state)
    return share
  }

  function isLocked({ id, password }: KnownShare, { pass = '' }: ShareVisitor): boolean {
    return password !== null && !passHolds(pass, { id, password }, now(), keys)
  }

  /** The owner's credentials, as long as they are those of the one who has made the share. */
  async function credentialsFor({ holder, channelId }: KnownShare): Promise<Credentials> {
    const token = await ledger.shareToken(holder)
    if (token === null) throw ended('signed-out')
    try {
      const granted = await credentials.forRunningUpload(token)
      const isSame = holderOf(granted.userId, keys) === holder
      // Another channel has other files under the same numbers.
      if (!isSame || libraryKeyOf(granted).channelId !== channelId) throw ended('signed-out')
      return granted
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'TOKEN_REFUSED') throw error
      await ledger.endShareLogin(holder, token, now())
      throw ended('signed-out')
    }
  }

  async function contents({ share, credentials: granted }: OpenShare): Promise<ShareContents> {
    const key = libraryKeyOf(granted)
    const { content } = share
    if (content.kind === 'folder') {
      const folder = await catalogue.libraryFolderOfId(key, content.folderId)
      const { files = 0, bytes = 0 } = folder ?? {}
      return { files: [], folder: folder?.path ?? null, total: { files, bytes } }
    }
    const found = await catalogue.libraryFiles(key, content.messageIds)
    const byId = new Map(found.map((file) => [file.messageId, file]))
    const files = content.messageIds.flatMap((id) => byId.get(id) ?? [])
    const bytes = files.reduce((sum, { size }) => sum + size, 0)
    return { files, folder: null, total: { files: files.length, bytes } }
  }

  async function isInside(
    key: LibraryKey,
    { messageId, path }: ShownFile,
    content: ShareContent,
  ): Promise<boolean> {
    if (content.kind === 'files') return content.messageIds.includes(messageId)
    const folder = await catalogue.libraryFolderOfId(key, content.folderId)
    return folder !== null && isWithinFolder(path, folder.path)
  }

  return {
    knock: async (name, visitor) => {
      return { needsPassword: isLocked(await find(name, visitor), visitor) }
    },
    enter: async (name, visitor) => {
      const share = await find(name, visitor)
      if (isLocked(share, visitor)) {
        throw new AppError('SHARE_PASSWORD_NEEDED', 'This share asks for a password')
      }
      const granted = await credentialsFor(share)
      options.look(granted)
      return { share, endsAt: shareEndOf(share), credentials: granted }
    },
    contents,
    unlock: async (name, password, visitor) => {
      const share = await find(name, visitor)
      const { id, password: kept } = share
      if (kept === null) return null
      const isRight = await passwords.matches(password, kept)
      metrics.guessed(isRight ? 'right' : 'wrong')
      if (!isRight) throw new AppError('SHARE_PASSWORD_WRONG', 'This is not the password')
      const time = now()
      const maxAgeMs = Math.min(PASS_MS, shareEndOf(share) - time)
      return { pass: encodePass({ id, password: kept }, time + maxAgeMs, keys), maxAgeMs }
    },
    list: async ({ share, credentials: granted }, { folder, files }, request) => {
      const { path, recursive, cursor } = request
      if (folder === null) {
        if (path.length > 0) throw noSuchFolder()
        return { files, folders: [], next: null }
      }
      const key = libraryKeyOf(granted)
      const query = {
        ...{ path: [...folder, ...path], recursive, words: [], kind: null },
        ...{ sort: 'name' as const, descending: false, limit: PAGE },
      }
      const scope = { ...query, key: { ...key, owner: share.id } }
      const after = cursor === null ? START : cursors.decode(cursor, scope)
      if (after === null) throw wrongCursor()
      const page = await catalogue.libraryPage(key, { ...query, after })
      if (page === null) throw noSuchFolder()
      return { ...page, next: page.next && cursors.encode(page.next, scope) }
    },
    file: async ({ share: { content }, credentials: granted }, messageId) => {
      const key = libraryKeyOf(granted)
      const file = await catalogue.libraryFile(key, messageId)
      if (file !== null && (await isInside(key, file, content))) return file
      throw new AppError('MESSAGE_NOT_FOUND', 'There is no such file in this share')
    },
    archive: ({ folder, files }, path) => {
      if (folder !== null) return { kind: 'folder', path: [...folder, ...path] }
      if (path.length > 0) throw noSuchFolder()
      return { kind: 'items', messageIds: files.map(({ messageId }) => messageId), isFlat: true }
    },
    count: async ({ share }, { visit }, what) => {
      const content = typeof what === 'number' ? String(what) : formatFolderPath(what)
      const counted = await ledger.countDownload({
        ...{ id: share.id, visit: visitHash(visit), content, visitMs: VISIT_MS, now: now() },
      })
      metrics.downloaded(counted)
      if (counted === 'used-up' || counted === 'ended') throw ended(counted)
    },
  }
}

const START = { file: 'start', folder: 'start' } as const

const SENTENCES: Readonly<Record<Exclude<ShareState, 'open'>, string>> = {
  'used-up': 'This share has been downloaded as often as it may be',
  expired: 'This share has expired',
  'signed-out': 'This share has ended, because its owner is not signed in any more',
  ended: 'This share has ended',
}

function ended(state: keyof typeof SENTENCES): AppError {
  return new AppError('SHARE_ENDED', SENTENCES[state])
}

function noSuchFolder(): AppError {
  return new AppError('FOLDER_NOT_FOUND', 'There is no such folder in this share')
}

function wrongCursor(): AppError {
  return new AppError('INVALID_REQUEST', 'cursor: is not one of this page', {
    details: { field: 'cursor' },
  })
}
