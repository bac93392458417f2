import type {
  FileRow,
  FolderPost,
  LibraryFile,
  LibraryKey,
  VolumePost,
} from '../../ports/catalogue.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Digests, FinishedFile, Upload } from '../../ports/records.ts'
import { decodeCaption, type PostDescription } from '../caption.ts'
import { documentIdIn } from '../file-id.ts'
import { lookupMimeType } from '../mime-type.ts'

/** A message of the channel with a document, as Telegram tells it. Texts may be anything. */
export interface DocumentPost {
  readonly messageId: number
  readonly postedAt: number
  readonly editedAt: number | null
  readonly caption: string
  /** Whether its caption is that of another post. */
  readonly forwarded: boolean
  /** Telegram's id of the document, decimal text. */
  readonly documentId: string
  /** The name of the document, or null where it has none. */
  readonly documentName: string | null
  readonly size: number
  readonly mimeType: string
  readonly hasThumbnail: boolean
}

/** A message of the channel with text alone. */
export interface TextPost {
  readonly messageId: number
  readonly postedAt: number
  readonly editedAt: number | null
  readonly text: string
}

/** UTF-16 units of a name. Captions have no more. */
const MAX_NAME_UNITS = 1024
/** A marked channel id is -(10^12 + bare id): core.telegram.org/api/bots/ids. */
const CHANNEL_MARK = 10n ** 12n

/** The library that is meant wherever these credentials are used. */
export function libraryKeyOf({ userId, channelId }: Credentials): LibraryKey {
  const id = channelId.trim()
  const isBare = /^\d{1,19}$/.test(id)
  return { owner: userId, channelId: isBare ? String(-CHANNEL_MARK - BigInt(id)) : id }
}

/** The address at which Telegram's apps show a message. */
export function linkOf({ channelId }: LibraryKey, messageId: number): string {
  const isMarked = /^-\d{1,19}$/.test(channelId)
  const channel = isMarked ? `c/${-BigInt(channelId) - CHANNEL_MARK}` : channelId.replace(/^@/, '')
  return `https://t.me/${channel}/${messageId}`
}

/** The file that a message is. Size and type are the document's, name and folder the line's. */
export function fileOfPost(post: DocumentPost): FileRow {
  const { caption, documentName, forwarded, mimeType, ...facts } = post
  const said = describeFile(caption, documentName, { forwarded })
  const isManifest = said?.kind === 'manifest'
  return {
    ...facts,
    // The type of a manifest's document is not that of the file.
    ...(isManifest ? { mimeType: null, isManifest } : { mimeType }),
    name: shownName(said?.name || documentName || `file-${post.messageId}`),
    folderId: said?.folderId ?? null,
    modifiedAt: said?.modifiedAt ?? null,
    sha256: said?.sha256 ?? null,
    crc32: said?.crc32 ?? null,
    captionId: said?.id ?? null,
    // A line with a folder alone says that the document has the name.
    knowsPlace:
      said === null || said.folderId !== null || decodeCaption(caption, null)?.name !== null,
  }
}

/** The volume that a message is, or null. */
export function volumeOfPost(post: DocumentPost): VolumePost | null {
  const { messageId, caption, documentName, forwarded, size, postedAt, editedAt } = post
  const said = describeFile(caption, documentName, { forwarded })
  if (said === null || typeof said.kind !== 'object') return null
  const { volume: number, of } = said.kind
  const name = shownName(said.name ?? `file-${messageId}`)
  return { messageId, captionId: said.id, number, of, size, name, postedAt, editedAt }
}

/** What the caption of a document says of the file. */
export function describeFile(
  caption: string,
  documentName: string | null,
  { forwarded }: Pick<DocumentPost, 'forwarded'>,
): PostDescription | null {
  const line = decodeCaption(caption, documentName)
  // A folder is a text of its own: of a document its line says nothing.
  if (line?.kind === 'folder') return null
  // The volumes of a file are where they were posted, and only there.
  return forwarded && line?.kind !== 'file' ? null : line
}

/** A name as uploads may have it: text from a stranger may look like a path, or break a line. */
function shownName(name: string): string {
  return name
    .slice(0, MAX_NAME_UNITS)
    .toWellFormed()
    .replace(/[\p{Cc}/\\]/gu, '_')
}

/** The file that an upload has become, before its message is seen in the channel. */
export function fileOfUpload(
  upload: Upload,
  { messageId, fileId, digests, hasThumbnail, thumbnailId }: FinishedFile,
  now: number,
): FileRow {
  return {
    messageId,
    name: upload.fileName,
    folderId: upload.folderId,
    size: upload.size,
    mimeType: upload.mimeType,
    ...(upload.volumeBytes !== null && { isManifest: true }),
    postedAt: now,
    editedAt: null,
    modifiedAt: upload.modifiedAt,
    sha256: digests?.sha256 ?? null,
    crc32: digests?.crc32 ?? null,
    isMeasured: digests !== null,
    hasThumbnail: hasThumbnail ?? null,
    ...{ fileId, thumbnailId: thumbnailId ?? null },
    documentId: documentIdIn(fileId),
    captionId: upload.captionId,
    knowsPlace: true,
  }
}

/** A row as it is told again. */
export function toFileRow(file: LibraryFile): FileRow {
  const { volumes, ...told } = file
  return { ...told, isManifest: volumes !== null, knowsPlace: true }
}

/** The folder that a text makes, or null when it makes none. */
export function folderOfPost({ messageId, text, ...times }: TextPost): FolderPost | null {
  const line = decodeCaption(text, null)
  if (line?.kind !== 'folder') return null
  return {
    messageId,
    folderId: line.id,
    name: line.name ?? '',
    parentId: line.folderId,
    editedAt: times.editedAt ?? times.postedAt,
  }
}

/** Whether a message of the channel makes a folder. */
export function isFolderMessage(message: TextPost & { readonly document: unknown }): boolean {
  return message.document === null && folderOfPost(message) !== null
}

/** What the ledger knows of a file beside its row. */
export interface KnownOfFile {
  /** Its volumes that are known; null: it is not made of volumes. */
  readonly volumes: { readonly count: number; readonly bytes: number } | null
  /** The digests that this worker has measured of a document of that size. */
  readonly receiptOf: (documentId: string, size: number) => Digests | null
}

/**
 * The row after a source has told of the file; `before` itself where it stays as it is. Times of
 * edits have whole seconds: of two in one second the one that is told last counts. Digests that this
 * worker has measured stay for as long as the document does, whatever a caption claims. A file of
 * volumes has the size of those that are known; while none is, the size that it had before.
 */
export function mergeFile(
  before: LibraryFile | null,
  told: FileRow,
  { volumes, receiptOf }: KnownOfFile,
): LibraryFile {
  const { knowsPlace, isManifest: _, hasThumbnail, documentId = null, ...rest } = told
  const { fileId = null, thumbnailId = null } = told
  const size = sizeOf(before, told, volumes)
  const receipt = documentId === null ? null : receiptOf(documentId, size)
  const file: LibraryFile = {
    ...rest,
    size,
    volumes: volumes?.count ?? null,
    mimeType: told.mimeType ?? before?.mimeType ?? lookupMimeType(told.name),
    isMeasured: told.isMeasured ?? false,
    ...measuredBy(receipt),
    ...{ fileId, thumbnailId, documentId },
    hasThumbnail: hasThumbnail ?? before?.hasThumbnail ?? false,
  }
  if (before === null) return file
  const isSameDocument = haveSameDocument(before, file)
  if ((before.editedAt ?? 0) > (file.editedAt ?? 0)) {
    const isNews = isSameDocument && file.isMeasured && !before.isMeasured
    return isNews ? { ...before, ...measuredBy(file) } : before
  }
  const merged: LibraryFile = {
    ...file,
    ...(!knowsPlace && { name: before.name, folderId: before.folderId }),
    // What the worker knows of its own file stays known where the message does not say it.
    ...(haveSameLine(before, file) && {
      modifiedAt: file.modifiedAt ?? before.modifiedAt,
      sha256: file.sha256 ?? before.sha256,
      crc32: file.crc32 ?? before.crc32,
    }),
    ...(isSameDocument && {
      fileId: file.fileId ?? before.fileId,
      thumbnailId: file.thumbnailId ?? before.thumbnailId,
      documentId: file.documentId ?? before.documentId,
      ...(before.isMeasured && !file.isMeasured && measuredBy(before)),
    }),
  }
  const isSame = Object.entries(merged).every(([key, value]) => Reflect.get(before, key) === value)
  return isSame ? before : merged
}

function sizeOf(
  before: LibraryFile | null,
  { size }: FileRow,
  volumes: KnownOfFile['volumes'],
): number {
  if (volumes === null) return size
  if (volumes.count > 0) return volumes.bytes
  // A manifest's document is not the file: what was known of it stays.
  return before !== null && before.volumes !== null ? before.size : size
}

function haveSameLine(before: LibraryFile, file: LibraryFile): boolean {
  if (before.captionId !== file.captionId) return false
  const areManifests = before.volumes !== null && file.volumes !== null
  return areManifests || before.size === file.size
}

/** Where the ids are not known, the line has to do. As a manifest a document is something else. */
function haveSameDocument(before: LibraryFile, file: LibraryFile): boolean {
  if ((before.volumes === null) !== (file.volumes === null)) return false
  if (before.documentId === null || file.documentId === null) return haveSameLine(before, file)
  return before.documentId === file.documentId
}

function measuredBy(
  digests: Pick<LibraryFile, 'sha256' | 'crc32'> | null,
): Partial<Pick<LibraryFile, 'sha256' | 'crc32' | 'isMeasured'>> {
  if (digests === null) return {}
  const { sha256, crc32 } = digests
  return { sha256, crc32, isMeasured: true }
}
