import { AppError } from '../../errors.ts'
import { folderNotFound } from '../library/library-service.ts'
import type { FolderPath } from '../model/library/folder-path.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import { decodeShareId, encodeShareId, newShareId, type ShareKeys } from '../model/share-format.ts'
import { type ShareState, shareEndOf, shareStateOf } from '../model/share-state.ts'
import { holderOf, type TicketKeys } from '../model/ticket-format.ts'
import type { Catalogue, LibraryKey, ShownFile } from '../ports/catalogue.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'
import type { KnownShare, ShareChange, ShareContent, ShareRecords } from '../ports/shares.ts'
import type { Passwords } from './passwords.ts'
import { loginOf } from './share-logins.ts'

/** Of one owner, that have not ended: a page shows them all. */
const MAX_OPEN = 1_000
/** Files that are looked up at once. */
const SLICE = 500
/** Of one owner, that have ended and are still listed. Their addresses are known for ever. */
const KEEP_ENDED = 200

export interface ShareServiceOptions {
  ledger: ShareRecords
  catalogue: Pick<Catalogue, 'libraryFile' | 'libraryFiles' | 'libraryFolder' | 'libraryFolderOfId'>
  /** The provider that refuses tickets. */
  credentials: Pick<CredentialsProvider, 'forUpload'>
  passwords: Pick<Passwords, 'hash'>
  keys: ShareKeys & Pick<TicketKeys, 'name'>
  /** The worker's time. */
  now: () => number
}

/** What is wanted of a share; in a change, what is left out stays. Null: none. */
export interface ShareWish {
  title?: string | null | undefined
  password?: string | null | undefined
  maxDownloads?: number | null | undefined
}

export type SharedThing = { messageIds: readonly number[] } | { path: FolderPath }

/** A share as its owner sees it. */
export interface OwnShare {
  /** Its name in its address. */
  name: string
  share: KnownShare
  state: ShareState
  /** When it ends, as far as it is known. */
  endsAt: number
  /** The one file, or the first of several; null: it is not in the library any more. */
  fileName: string | null
  /** The folder, where it is shown now; null: files are shared, or the folder is gone. */
  folder: FolderPath | null
}

/**
 * Shares of the holder of a login token. Calls reject as `forUpload` does; those that name a share
 * with SHARE_NOT_FOUND where it is not theirs.
 */
export interface ShareService {
  /**
   * Rejects with MESSAGE_NOT_FOUND and FOLDER_NOT_FOUND for what the library does not know, with
   * TOO_MANY_SHARES, and with BUSY where many passwords are being hashed.
   */
  create: (
    token: string,
    thing: SharedThing,
    wish: ShareWish & { lifetimeMs: number },
  ) => Promise<OwnShare>
  /** Those that have not ended first, of each kind the newest first. */
  list: (token: string) => Promise<OwnShare[]>
  /** What has expired or is used up may go on. Rejects with SHARE_ENDED for what its owner has ended. */
  change: (
    token: string,
    name: string,
    wish: ShareWish & { lifetimeMs: number | undefined },
  ) => Promise<OwnShare>
  /** Ends the share for good, also one that had ended. */
  end: (token: string, name: string) => Promise<void>
}

export function createShareService(options: ShareServiceOptions): ShareService {
  const { ledger, catalogue, credentials, passwords, keys, now } = options

  async function callerOf(token: string) {
    const granted = await credentials.forUpload(token)
    return { key: libraryKeyOf(granted), holder: holderOf(granted.userId, keys) }
  }

  async function contentOf(key: LibraryKey, thing: SharedThing): Promise<ShareContent> {
    if ('path' in thing) {
      const folder = await catalogue.libraryFolder(key, thing.path)
      if (folder === null) throw folderNotFound(thing.path)
      return { kind: 'folder', folderId: folder.folderId }
    }
    const messageIds = [...new Set(thing.messageIds)]
    const found = await catalogue.libraryFiles(key, messageIds)
    const known = new Set(found.map(({ messageId }) => messageId))
    const missing = messageIds.find((messageId) => !known.has(messageId))
    if (missing !== undefined) {
      const sentence = `The library has no file with the messageId ${missing}`
      throw new AppError('MESSAGE_NOT_FOUND', sentence, { details: { messageId: missing } })
    }
    return { kind: 'files', messageIds }
  }

  /** Of another channel of the owner nothing is known: its messages have the same numbers. */
  async function showAll(key: LibraryKey, shares: readonly KnownShare[]): Promise<OwnShare[]> {
    const here = shares.filter(({ channelId }) => channelId === key.channelId)
    const firsts = here.flatMap(({ content }) => firstOf(content) ?? [])
    const files: ShownFile[] = []
    for (let at = 0; at < firsts.length; at += SLICE) {
      files.push(...(await catalogue.libraryFiles(key, firsts.slice(at, at + SLICE))))
    }
    const names = new Map(files.map(({ messageId, name }) => [messageId, name]))
    const shown: OwnShare[] = []
    for (const share of shares) {
      const { id, content, channelId } = share
      const isHere = channelId === key.channelId
      const state = shareStateOf(isHere ? share : { ...share, login: null }, now())
      const common = { name: encodeShareId(id, keys), share, state, endsAt: shareEndOf(share) }
      const fileName = isHere ? (names.get(firstOf(content) ?? 0) ?? null) : null
      shown.push({ ...common, fileName, folder: isHere ? await folderOf(key, content) : null })
    }
    return shown
  }

  async function show(key: LibraryKey, share: KnownShare): Promise<OwnShare> {
    const [shown] = await showAll(key, [share])
    if (!shown) throw shareNotFound()
    return shown
  }

  async function folderOf(key: LibraryKey, content: ShareContent): Promise<FolderPath | null> {
    if (content.kind === 'files') return null
    return (await catalogue.libraryFolderOfId(key, content.folderId))?.path ?? null
  }

  function rowOf(name: string): string {
    const id = decodeShareId(name, keys)
    if (id === null) throw shareNotFound()
    return id
  }

  return {
    create: async (
      token,
      thing,
      { title = null, password = null, maxDownloads = null, lifetimeMs },
    ) => {
      const { key, holder } = await callerOf(token)
      const content = await contentOf(key, thing)
      const kept = password === null ? null : await passwords.hash(password)
      const createdAt = now()
      const share = {
        ...{ id: newShareId(keys), holder, channelId: key.channelId, content, title },
        ...{ password: kept, maxDownloads, createdAt, expiresAt: createdAt + lifetimeMs },
      }
      const limits = { maxOpen: MAX_OPEN, keepEnded: KEEP_ENDED }
      if (!(await ledger.openShare(share, loginOf(token), limits))) {
        const sentence = `You have ${MAX_OPEN} shares already: end one of them first`
        throw new AppError('TOO_MANY_SHARES', sentence)
      }
      const known = await ledger.findShare(share.id)
      if (known === null) throw shareNotFound()
      return show(key, known)
    },
    list: async (token) => {
      const { key, holder } = await callerOf(token)
      return showAll(key, await ledger.sharesOf(holder, now()))
    },
    change: async (token, name, { lifetimeMs, password, title, maxDownloads }) => {
      const id = rowOf(name)
      const { key, holder } = await callerOf(token)
      const change: ShareChange = {
        ...(title !== undefined && { title }),
        ...(maxDownloads !== undefined && { maxDownloads }),
        ...(lifetimeMs !== undefined && { expiresAt: now() + lifetimeMs }),
        ...(password !== undefined && {
          password: password === null ? null : await passwords.hash(password),
        }),
      }
      const known = await ledger.changeShare(id, holder, change)
      if (known !== null) return show(key, known)
      const share = await ledger.findShare(id)
      if (share?.holder !== holder) throw shareNotFound()
      throw new AppError('SHARE_ENDED', 'This share has ended: make a new one')
    },
    end: async (token, name) => {
      const id = rowOf(name)
      const { holder } = await callerOf(token)
      if (!(await ledger.endShare(id, holder, now()))) throw shareNotFound()
    },
  }
}

/** The one file, or the first of several; null: a folder is shared. */
function firstOf(content: ShareContent): number | null {
  return content.kind === 'files' ? (content.messageIds[0] ?? null) : null
}

export function shareNotFound(): AppError {
  return new AppError('SHARE_NOT_FOUND', 'There is no such share')
}
