import { kindOf } from '../../../core/model/library/kind.ts'
import { foldName, sortName } from '../../../core/model/library/names.ts'
import { mergeFile, toFileRow } from '../../../core/model/library/posts.ts'
import type {
  Catalogue,
  FileRow,
  FolderPost,
  LibraryChanges,
  LibraryEffect,
  LibraryFile,
  LibraryKey,
  LibrarySync,
} from '../../../core/ports/catalogue.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import type { ReceiptRecords } from '../tables/receipts.ts'
import { integer } from '../tables/rows.ts'
import { createFolderRows } from './folders.ts'
import {
  FILE_COLUMNS,
  fromHex,
  messageOf,
  messageRow,
  toFile,
  toFolderKey,
  toFolderPost,
} from './rows.ts'
import { createVolumeRows, type VolumeRowsOfLibraries } from './volumes.ts'

export interface LibraryWriting extends Pick<Synchronous<Catalogue>, 'applyToLibrary'> {
  /** The same inside the caller's transaction. */
  applyInside: (key: LibraryKey, changes: LibraryChanges) => LibraryEffect
}

/** What a call has changed so far. */
interface Changing {
  library: number
  messageIds: Set<number>
  /** What was added to each folder's row. */
  counts: Map<number, { files: number; bytes: number }>
  /** Whether messages of folders have changed. */
  folders: boolean
  /** The ids in the captions of files whose volumes have changed. */
  captionIds: Set<string>
}

export function createLibraryWriting(
  database: LedgerDatabase,
  { receiptOf }: Pick<ReceiptRecords, 'receiptOf'>,
): LibraryWriting {
  const find = database.prepare('SELECT id FROM libraries WHERE owner = ? AND channel_id = ?')
  const begin = database.prepare(
    'INSERT INTO libraries (owner, channel_id) VALUES (?, ?) RETURNING id',
  )
  const keepSync = database.prepare(
    `UPDATE libraries SET pts = ?, scan_pts = ?, scan_below = ?, scan_seen = ?, scan_total = ?,
       looked_at = ?
     WHERE id = ?`,
  )
  const folders = createFolderRows(database)
  const volumes = createVolumeRows(database)
  const files = createFileWriting(database, { folderRow: folders.rowOf, receiptOf, volumes })
  const posts = createFolderPostWriting(database)

  function libraryOf({ owner, channelId }: LibraryKey): number {
    const row = find.get(owner, channelId) ?? begin.get(owner, channelId)
    if (!row) throw new Error('the row of a library was not written')
    return integer(row, 'id')
  }

  function writeSync(library: number, { pts, scan, lookedAt }: LibrarySync): void {
    const { pts: scanPts = null, below = null, seen = null, total = null } = scan ?? {}
    keepSync.run(pts, scanPts, below, seen, total, lookedAt, library)
  }

  function applyInside(key: LibraryKey, told: LibraryChanges): LibraryEffect {
    const library = libraryOf(key)
    const changing: Changing = {
      ...{ library, messageIds: new Set(), counts: new Map(), folders: false },
      captionIds: new Set(),
    }
    const present = new Set<number>()
    const removeVolume = (messageId: number): void => {
      const captionId = volumes.remove(library, messageId)
      if (captionId !== null) changing.captionIds.add(captionId)
    }
    for (const volume of told.volumes ?? []) {
      present.add(volume.messageId)
      posts.remove(volume.messageId, changing)
      files.remove(volume.messageId, changing)
      for (const captionId of volumes.put(library, volume)) changing.captionIds.add(captionId)
    }
    for (const file of told.files ?? []) {
      present.add(file.messageId)
      posts.remove(file.messageId, changing)
      removeVolume(file.messageId)
      files.put(file, changing)
    }
    for (const post of told.folders ?? []) {
      present.add(post.messageId)
      files.remove(post.messageId, changing)
      removeVolume(post.messageId)
      posts.put(post, changing)
    }
    const missing = told.complete
      ? [files, posts, volumes].flatMap((rows) => rows.within(library, told.complete ?? NOTHING))
      : []
    for (const messageId of [...(told.gone ?? []), ...missing.filter((id) => !present.has(id))]) {
      files.remove(messageId, changing)
      posts.remove(messageId, changing)
      removeVolume(messageId)
    }
    for (const captionId of changing.captionIds) {
      for (const messageId of volumes.manifestsOf(library, captionId)) {
        files.measure(messageId, changing)
      }
    }
    for (const [folder, added] of changing.counts) folders.count(folder, added)
    if (changing.folders) folders.arrange(library)
    for (const [folder, { files: added }] of changing.counts) {
      if (added < 0) folders.forgetUnused(folder)
    }
    if (told.sync) writeSync(library, told.sync)
    return { messageIds: [...changing.messageIds] }
  }

  return {
    applyInside,
    applyToLibrary: (key, changes) => database.transaction(() => applyInside(key, changes)),
  }
}

const NOTHING = { from: 1, to: 0 }

type MessageRange = NonNullable<LibraryChanges['complete']>

interface FileWritingOptions extends Pick<ReceiptRecords, 'receiptOf'> {
  folderRow: (library: number, folderId: string | null) => number
  volumes: Pick<VolumeRowsOfLibraries, 'heldBy'>
}

function createFileWriting(database: LedgerDatabase, options: FileWritingOptions) {
  const { folderRow, receiptOf, volumes } = options
  const find = database.prepare(`SELECT ${FILE_COLUMNS} FROM library_files WHERE id = ?`)
  const write = database.prepare(
    `INSERT INTO library_files (id, library, folder, name, folded, sort_name, size, mime_type, kind,
       posted_at, edited_at, modified_at, sha256, crc32, measured, has_thumbnail,
       file_id, thumbnail_id, document_id, caption_id, volumes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET folder = excluded.folder, name = excluded.name,
       folded = excluded.folded, sort_name = excluded.sort_name, size = excluded.size,
       mime_type = excluded.mime_type, kind = excluded.kind, posted_at = excluded.posted_at,
       edited_at = excluded.edited_at, modified_at = excluded.modified_at,
       sha256 = excluded.sha256, crc32 = excluded.crc32, measured = excluded.measured,
       has_thumbnail = excluded.has_thumbnail, file_id = excluded.file_id,
       thumbnail_id = excluded.thumbnail_id, document_id = excluded.document_id,
       caption_id = excluded.caption_id, volumes = excluded.volumes`,
  )
  const putName = database.prepare(
    'INSERT OR REPLACE INTO library_names (rowid, folded) VALUES (?, ?)',
  )
  const remove = database.prepare('DELETE FROM library_files WHERE id = ?')
  const removeName = database.prepare('DELETE FROM library_names WHERE rowid = ?')
  const within = database.prepare('SELECT id FROM library_files WHERE id BETWEEN ? AND ?')

  function count({ counts }: Changing, folder: number, files: number, bytes: number): void {
    const before = counts.get(folder) ?? { files: 0, bytes: 0 }
    counts.set(folder, { files: before.files + files, bytes: before.bytes + bytes })
  }

  function findFile(id: number): { file: LibraryFile; folder: number } | null {
    const row = find.get(id)
    if (!row) return null
    const { file, folder } = toFile(row)
    const { kind: _, ...stored } = file
    return { file: stored, folder }
  }

  function put(told: FileRow, changing: Changing): void {
    const id = messageRow(changing.library, told.messageId)
    const before = findFile(id)
    const held = told.isManifest ? volumes.heldBy(changing.library, told.captionId) : null
    const file = mergeFile(before?.file ?? null, told, { volumes: held, receiptOf })
    if (file === before?.file) return
    const folder = folderRow(changing.library, file.folderId)
    const folded = foldName(file.name)
    write.run(
      id,
      changing.library,
      folder,
      file.name,
      folded,
      sortName(folded),
      file.size,
      file.mimeType,
      kindOf(file.mimeType, file.name),
      file.postedAt,
      file.editedAt,
      file.modifiedAt,
      fromHex(file.sha256),
      fromHex(file.crc32),
      file.isMeasured ? 1 : 0,
      file.hasThumbnail ? 1 : 0,
      file.fileId,
      file.thumbnailId,
      file.documentId,
      fromHex(file.captionId),
      file.volumes,
    )
    if (file.name !== before?.file.name) putName.run(id, folded)
    if (before) count(changing, before.folder, -1, -before.file.size)
    count(changing, folder, 1, file.size)
    changing.messageIds.add(told.messageId)
  }

  return {
    put,
    /** Counts the volumes of a manifest anew. */
    measure: (messageId: number, changing: Changing): void => {
      const found = findFile(messageRow(changing.library, messageId))
      if (found) put(toFileRow(found.file), changing)
    },
    remove: (messageId: number, changing: Changing): void => {
      const id = messageRow(changing.library, messageId)
      const before = findFile(id)
      if (!before) return
      remove.run(id)
      removeName.run(id)
      count(changing, before.folder, -1, -before.file.size)
      changing.messageIds.add(messageId)
    },
    within: (library: number, { from, to }: MessageRange): number[] =>
      within
        .all(messageRow(library, from), messageRow(library, to))
        .map((row) => messageOf(integer(row, 'id'))),
  }
}

function createFolderPostWriting(database: LedgerDatabase) {
  const find = database.prepare('SELECT * FROM library_folder_posts WHERE id = ?')
  const put = database.prepare(
    `INSERT OR REPLACE INTO library_folder_posts (id, library, folder_id, name, parent_id, edited_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  const remove = database.prepare('DELETE FROM library_folder_posts WHERE id = ?')
  const within = database.prepare('SELECT id FROM library_folder_posts WHERE id BETWEEN ? AND ?')

  return {
    put: (post: FolderPost, changing: Changing): void => {
      const { messageId, folderId, name, parentId, editedAt } = post
      const id = messageRow(changing.library, messageId)
      const row = find.get(id)
      const before = row ? toFolderPost(row) : null
      if (before && before.editedAt > editedAt) return
      const isSame =
        before?.folderId === folderId &&
        before.name === name &&
        before.parentId === parentId &&
        before.editedAt === editedAt
      if (isSame) return
      const names = [toFolderKey(folderId), name, fromHex(parentId)] as const
      put.run(id, changing.library, ...names, editedAt)
      changing.messageIds.add(messageId)
      changing.folders = true
    },
    remove: (messageId: number, changing: Changing): void => {
      if (remove.run(messageRow(changing.library, messageId)) === 0) return
      changing.messageIds.add(messageId)
      changing.folders = true
    },
    within: (library: number, { from, to }: MessageRange): number[] =>
      within
        .all(messageRow(library, from), messageRow(library, to))
        .map((row) => messageOf(integer(row, 'id'))),
  }
}
