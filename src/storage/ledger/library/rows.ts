import { FILE_KINDS } from '../../../core/model/library/kind.ts'
import type {
  FolderPost,
  LibraryFile,
  LibrarySync,
  ShownFile,
} from '../../../core/ports/catalogue.ts'
import type { PostNote } from '../../../core/ports/channel.ts'
import {
  blob,
  type Fields,
  integer,
  integerOrNull,
  oneOf,
  parseObject,
  text,
  textOrNull,
} from '../tables/rows.ts'

/** Rows of a library's messages begin at library * 2^32. */
const MESSAGES = 2 ** 32

/** The root's `folder_id`, which no post can have. */
export const ROOT = Buffer.alloc(0)

export function messageRow(library: number, messageId: number): number {
  return library * MESSAGES + messageId
}

export function messageOf(row: number): number {
  return row % MESSAGES
}

/** A file and the row of the folder that it names. */
export interface FileInFolder {
  file: Omit<ShownFile, 'path'>
  folder: number
}

/** `folder_id` is that of the folder's row: files keep no copy of it. */
export const FILE_COLUMNS = `library_files.id, folder, library_files.name, size, mime_type, kind, volumes,
  posted_at, edited_at, modified_at, sha256, crc32, measured, has_thumbnail,
  caption_id, file_id, thumbnail_id, document_id,
  (SELECT folder_id FROM library_folders WHERE library_folders.id = folder) AS folder_id`

export function toFile(row: Fields): FileInFolder {
  const file: LibraryFile = {
    messageId: messageOf(integer(row, 'id')),
    name: text(row, 'name'),
    folderId: folderIdOf(row),
    size: integer(row, 'size'),
    mimeType: text(row, 'mime_type'),
    volumes: integerOrNull(row, 'volumes'),
    postedAt: integer(row, 'posted_at'),
    editedAt: integerOrNull(row, 'edited_at'),
    modifiedAt: integerOrNull(row, 'modified_at'),
    sha256: hexOrNull(row, 'sha256'),
    crc32: hexOrNull(row, 'crc32'),
    isMeasured: integer(row, 'measured') === 1,
    hasThumbnail: integer(row, 'has_thumbnail') === 1,
    fileId: textOrNull(row, 'file_id'),
    thumbnailId: textOrNull(row, 'thumbnail_id'),
    documentId: textOrNull(row, 'document_id'),
    captionId: hexOrNull(row, 'caption_id'),
  }
  const kind = FILE_KINDS.find((known) => known === row.kind) ?? 'other'
  return { file: { ...file, kind }, folder: integer(row, 'folder') }
}

export function toFolderPost(row: Fields): FolderPost {
  return {
    messageId: messageOf(integer(row, 'id')),
    folderId: blob(row, 'folder_id').toString('hex'),
    name: text(row, 'name'),
    parentId: hexOrNull(row, 'parent_id'),
    editedAt: integer(row, 'edited_at'),
  }
}

export function toSync(row: Fields): LibrarySync {
  const scanPts = integerOrNull(row, 'scan_pts')
  return {
    pts: integerOrNull(row, 'pts'),
    scan:
      scanPts === null
        ? null
        : {
            pts: scanPts,
            below: integer(row, 'scan_below'),
            seen: integer(row, 'scan_seen'),
            total: integerOrNull(row, 'scan_total'),
          },
    lookedAt: integerOrNull(row, 'looked_at'),
  }
}

/** The id that a folder's row stands for; null: the root. */
export function folderIdOf(row: Fields): string | null {
  const id = blob(row, 'folder_id')
  return id.length === 0 ? null : id.toString('hex')
}

export function toFolderKey(folderId: string | null): Buffer {
  return folderId === null ? ROOT : Buffer.from(folderId, 'hex')
}

export function fromHex(hex: string | null): Buffer | null {
  return hex === null ? null : Buffer.from(hex, 'hex')
}

export function hexOf(row: Fields, column: string): string {
  return blob(row, column).toString('hex')
}

function hexOrNull(row: Fields, column: string): string | null {
  return row[column] === null ? null : hexOf(row, column)
}

/** What is noted of a post, as JSON. */
export function toNote(json: string | null): PostNote | null {
  if (json === null) return null
  const value = parseObject(json)
  return {
    actor: oneOf<PostNote['actor']>(['user', 'bot'], text(value, 'actor')),
    randomId: textOrNull(value, 'randomId'),
    newestMessageId: integerOrNull(value, 'newestMessageId'),
    attempts: integer(value, 'attempts'),
  }
}
