import type { FileRow, FolderPost, LibraryFile, LibraryKey } from '../../ports/catalogue.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Digests, FinishedFile, Upload } from '../../ports/records.ts'
import { decodeCaption, type PostDescription } from '../caption.ts'
import { documentIdIn } from '../file-id.ts'

/** A message of the channel with a document, as Telegram tells it. Texts may be anything. */
export interface DocumentPost {
  readonly messageId: number
  readonly postedAt: number
  readonly editedAt: number | null
  readonly caption: string
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
  const { caption, documentName, ...facts } = post
  const said = describeFile(caption, documentName)
  return {
    ...facts,
    name: shownName(said?.name || documentName || `file-${post.messageId}`),
    folderId: said?.folderId ?? null,
    modifiedAt: said?.modifiedAt ?? null,
    sha256: said?.sha256 ?? null,
    crc32: said?.crc32 ?? null,
    captionId: said?.id ?? null,
    // A line with a folder alone says that the document has the name.
    knowsPlace:
      said === null || said.folderId !== null || describeFile(caption, null)?.name !== null,
  }
}

/** What the caption of a document says of the file. */
export function describeFile(caption: string, documentName: string | null): PostDescription | null {
  const line = decodeCaption(caption, documentName)
  // A folder is a text of its own: of a document its line says nothing.
  return line?.kind === 'folder' ? null : line
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

/**
 * The row after a source has told of the file; `before` itself where it stays as it is. Times of
 * edits have whole seconds: of two in one second the one that is told last counts. Digests that this
 * worker has measured stay for as long as the document does, whatever a caption claims: `receipt` has
 * those of the document that is told.
 */
export function mergeFile(
  before: LibraryFile | null,
  told: FileRow,
  receipt: Digests | null,
): LibraryFile {
  const { knowsPlace, hasThumbnail, ...rest } = told
  const { fileId = null, thumbnailId = null, documentId = null } = told
  const file: LibraryFile = {
    ...rest,
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

function haveSameLine(before: LibraryFile, file: LibraryFile): boolean {
  return before.captionId === file.captionId && before.size === file.size
}

/** Where the ids are not known, the line has to do. */
function haveSameDocument(before: LibraryFile, file: LibraryFile): boolean {
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
