import { setImmediate as nextTurn } from 'node:timers/promises'
import { AppError } from '../../errors.ts'
import { safeName, safePaths } from '../../lib/safe-paths.ts'
import { rowsOf } from '../library/follow/plan.ts'
import { folderNotFound } from '../library/library-service.ts'
import { MAX_ENTRIES } from '../model/archive/zip.ts'
import { formatFolderPath } from '../model/library/folder-path.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { ArchiveList, ArchiveListEntry } from '../ports/archives.ts'
import type { Catalogue, LibraryKey, ShownFile } from '../ports/catalogue.ts'
import type { ChannelGateway } from '../ports/channel.ts'
import type { Credentials } from '../ports/credentials.ts'

/** What an archive is wanted of. */
export type ArchiveWish =
  | {
      readonly kind: 'items'
      readonly messageIds: readonly number[]
      /** Leaves out in which folders the files are, also of the archive's own name. */
      readonly isFlat?: boolean
    }
  /** By names from the root down. */
  | { readonly kind: 'folder'; readonly path: readonly string[] }

export interface FileListing {
  catalogue: Pick<Catalogue, 'libraryTree' | 'libraryFiles' | 'applyToLibrary'>
  channel: Pick<ChannelGateway, 'reader' | 'messages'>
  now: () => number
}

/** Files that are looked up at once: the rest of the worker stands still meanwhile. */
const SLICE = 500
/** The first day that MS-DOS knows: the time of a folder is not known. */
const NO_TIME = Date.UTC(1980, 0, 1)

/**
 * What an archive of these files has: paths below the folder that all of them are in, and of a folder
 * those below itself. Rejects with MESSAGE_NOT_FOUND, which names the message, FOLDER_NOT_FOUND,
 * INVALID_REQUEST for no files and for too many, and as `ChannelGateway.messages` does where the
 * library does not know enough of a file.
 */
export async function listFiles(
  listing: FileListing,
  credentials: Credentials,
  { wish, signal }: { wish: ArchiveWish; signal: AbortSignal },
): Promise<{ list: ArchiveList; files: ReadonlyMap<number, ShownFile> }> {
  const key = libraryKeyOf(credentials)
  const { messageIds, emptyFolders, below } = await contentOf(listing, key, wish)
  if (messageIds.length + emptyFolders.length > MAX_ENTRIES) {
    throw invalid(wish, `an archive has ${MAX_ENTRIES} files at the most`)
  }
  const files = await findFiles(listing, key, messageIds)
  const unknown = messageIds.filter((id) => !files.get(id)?.documentId)
  if (unknown.length > 0 && listing.channel.reader(credentials) !== null) {
    await learn(listing, { credentials, signal }, unknown)
    for (const [id, file] of await findFiles(listing, key, unknown)) files.set(id, file)
  }
  const found = messageIds.flatMap((id) => files.get(id) ?? [])
  const missing = messageIds.find((id) => !files.has(id))
  if (missing !== undefined && wish.kind === 'items') {
    const sentence = `The library has no file with the messageId ${missing}`
    throw new AppError('MESSAGE_NOT_FOUND', sentence, { details: { messageId: missing } })
  }
  if (found.length + emptyFolders.length === 0) throw invalid(wish, 'there are no files in it')
  const isFlat = wish.kind === 'items' && wish.isFlat
  const top = isFlat ? [] : (below ?? commonFolder(found))
  const sorted = wish.kind === 'items' ? found : sortByPath(found)
  const list = {
    fileName: `${safeName(top.at(-1) ?? dateName(listing.now()))}.zip`,
    entries: entriesOf(sorted, emptyFolders, isFlat ? Infinity : top.length),
  }
  return { list, files }
}

interface Content {
  messageIds: readonly number[]
  emptyFolders: readonly (readonly string[])[]
  /** The folder below which all of it is; null: that depends on the files. */
  below: readonly string[] | null
}

async function contentOf(
  { catalogue }: FileListing,
  key: LibraryKey,
  wish: ArchiveWish,
): Promise<Content> {
  if (wish.kind === 'items') {
    return { messageIds: [...new Set(wish.messageIds)], emptyFolders: [], below: null }
  }
  const tree = await catalogue.libraryTree(key, wish.path)
  if (tree === null) throw folderNotFound(wish.path)
  return { messageIds: tree.fileIds, emptyFolders: tree.emptyFolders, below: wish.path }
}

/** The files of these messages by their ids, as far as the library has them. */
export async function findFiles(
  { catalogue }: Pick<FileListing, 'catalogue'>,
  key: LibraryKey,
  messageIds: readonly number[],
): Promise<Map<number, ShownFile>> {
  const files = new Map<number, ShownFile>()
  for (let at = 0; at < messageIds.length; at += SLICE) {
    if (at > 0) await nextTurn()
    for (const file of await catalogue.libraryFiles(key, messageIds.slice(at, at + SLICE))) {
      files.set(file.messageId, file)
    }
  }
  return files
}

/** Asks the channel for messages that the library does not know, or knows from an earlier version. */
async function learn(
  { catalogue, channel }: FileListing,
  { credentials, signal }: { credentials: Credentials; signal: AbortSignal },
  messageIds: readonly number[],
): Promise<void> {
  const key = libraryKeyOf(credentials)
  for (let at = 0; at < messageIds.length; at += SLICE) {
    const ids = messageIds.slice(at, at + SLICE)
    const messages = await channel.messages({ credentials, signal, patience: 5 }, ids)
    const { files, volumes } = rowsOf(messages)
    await catalogue.applyToLibrary(key, { files, volumes })
  }
}

function entriesOf(
  files: readonly ShownFile[],
  emptyFolders: readonly (readonly string[])[],
  depth: number,
): ArchiveListEntry[] {
  const named = files.map(({ path, name }) => ({ folder: path.slice(depth), name }))
  const paths = safePaths(named, emptyFolders)
  return [
    ...paths.folders.map((path) => {
      const folder = { path, size: 0, modifiedAt: NO_TIME, crc32: 0 }
      return { ...folder, messageId: null, documentId: null }
    }),
    ...files.map(({ size, modifiedAt, postedAt, crc32, messageId, documentId }, at) => ({
      ...{ path: paths.files[at] ?? '', size, modifiedAt: wholeSecond(modifiedAt ?? postedAt) },
      crc32: size === 0 ? 0 : toNumber(crc32),
      ...{ messageId, documentId },
    })),
  ]
}

/**
 * An archive tells whole seconds, and so does Telegram: it is the same before the channel has told of an
 * upload, whose time is the worker's until then.
 */
function wholeSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function toNumber(crc32: string | null): number | null {
  return crc32 === null ? null : Number.parseInt(crc32, 16)
}

/** The deepest folder that all files are in. */
function commonFolder([first, ...others]: readonly ShownFile[]): readonly string[] {
  let common = first?.path ?? []
  for (const { path } of others) {
    const differs = common.findIndex((name, at) => path[at] !== name)
    if (differs >= 0) common = common.slice(0, differs)
  }
  return common
}

function sortByPath(files: readonly ShownFile[]): ShownFile[] {
  return files
    .map((file) => ({ file, key: [...file.path, file.name].join('/') }))
    .sort((a, b) => {
      if (a.key !== b.key) return a.key < b.key ? -1 : 1
      return a.file.messageId - b.file.messageId
    })
    .map(({ file }) => file)
}

function dateName(now: number): string {
  return `telestore-${new Date(now).toISOString().slice(0, 10)}`
}

/** `problem` completes a sentence about what was asked for. */
function invalid(wish: ArchiveWish, problem: string): AppError {
  const field = wish.kind
  const what = wish.kind === 'folder' ? ` ${formatFolderPath(wish.path)}` : ''
  return new AppError('INVALID_REQUEST', `${field}${what}: ${problem}`, { details: { field } })
}
