import { kindOf } from '../../../core/model/library/kind.ts'
import { foldName, sortName } from '../../../core/model/library/names.ts'
import type {
  Catalogue,
  LibraryChanges,
  LibraryEffect,
  LibraryKey,
  LibrarySync,
} from '../../../core/ports/catalogue.ts'
import { FILE_COLUMNS, hexOf, messageRow, toFile, toFolderPost } from '../../ledger/library/rows.ts'
import { toVolumePost } from '../../ledger/library/volumes.ts'
import { integer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { receiptsOf } from '../tables/receipts.ts'
import { type KnownMessages, type MessageChanges, planChanges } from './changes.ts'
import { arrange, countFiles, folderRows, forgetUnused } from './folders.ts'

export function createLibraryWriting(
  database: PostgresDatabase,
): Pick<Catalogue, 'applyToLibrary'> {
  return {
    applyToLibrary: (key, changes) =>
      database.transaction((queries) => applyChanges(queries, key, changes)),
  }
}

/**
 * Writes what is known of a library's messages, inside the caller's transaction: reads all rows that
 * it is about, decides, and writes them, in a few statements for any number of messages. One
 * transaction at a time changes a library.
 */
export async function applyChanges(
  queries: Queries,
  key: LibraryKey,
  told: LibraryChanges,
): Promise<LibraryEffect> {
  const library = await lockLibrary(queries, key)
  const changes = planChanges(await knownOf(queries, library, told), told)
  await writeFiles(queries, library, changes)
  await writePosts(queries, library, changes)
  await writeVolumes(queries, library, changes)
  if (changes.hasNewPosts) await arrange(queries, library)
  await forgetUnused(queries, [...changes.left.keys()])
  if (told.sync) await writeSync(queries, library, told.sync)
  return { messageIds: changes.messageIds }
}

async function lockLibrary(queries: Queries, { owner, channelId }: LibraryKey): Promise<number> {
  const find = 'SELECT id FROM libraries WHERE owner = $1 AND channel_id = $2 FOR UPDATE'
  const known = await queries.get(find, [owner, channelId])
  if (known) return integer(known, 'id')
  // Only here: a number is used up by an insert that finds the row, too.
  const insert = `INSERT INTO libraries (owner, channel_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
  await queries.run(insert, [owner, channelId])
  const row = await queries.get(find, [owner, channelId])
  if (!row) throw new Error('the row of a library was not written')
  return integer(row, 'id')
}

/** The rows of all messages that the changes name, and of the files whose volumes are among them. */
async function knownOf(
  queries: Queries,
  library: number,
  { files = [], folders = [], volumes = [], gone = [], complete }: LibraryChanges,
): Promise<KnownMessages> {
  const named = [...files, ...folders, ...volumes].map(({ messageId }) => messageId)
  const ids = [...named, ...gone].map((messageId) => messageRow(library, messageId))
  const range = complete
    ? [messageRow(library, complete.from), messageRow(library, complete.to)]
    : [null, null]
  const values = [ids, ...range]
  const volumeRows = await queries.all(
    'SELECT caption_id FROM library_volumes WHERE id = ANY($1) OR id BETWEEN $2 AND $3',
    values,
  )
  const manifests = files.filter(({ isManifest }) => isManifest)
  const captions = new Set([
    ...volumeRows.map((row) => hexOf(row, 'caption_id')),
    ...[...volumes, ...manifests].flatMap(({ captionId }) => captionId ?? []),
  ])
  const ofFiles = [library, [...captions].map((captionId) => Buffer.from(captionId, 'hex'))]
  const fileRows = await queries.all(
    `SELECT ${FILE_COLUMNS} FROM library_files
     WHERE library_files.id = ANY($1) OR library_files.id BETWEEN $2 AND $3
       OR (library = $4 AND caption_id = ANY($5) AND volumes IS NOT NULL)`,
    [...values, ...ofFiles],
  )
  const known = fileRows.map((row) => {
    const { file, folder } = toFile(row)
    const { kind: _, ...stored } = file
    return { file: stored, folder }
  })
  const postRows = await queries.all(
    'SELECT * FROM library_folder_posts WHERE id = ANY($1) OR id BETWEEN $2 AND $3',
    values,
  )
  const held =
    captions.size === 0
      ? []
      : await queries.all(
          'SELECT * FROM library_volumes WHERE library = $1 AND caption_id = ANY($2)',
          ofFiles,
        )
  const documentIds = [...files, ...known.map(({ file }) => file)].flatMap(
    ({ documentId }) => documentId ?? [],
  )
  return {
    files: known,
    posts: postRows.map(toFolderPost),
    volumes: held.map(toVolumePost),
    receiptOf: await receiptsOf(queries, documentIds),
  }
}

async function writeFiles(
  queries: Queries,
  library: number,
  { files, removedFiles, left }: MessageChanges,
): Promise<void> {
  if (removedFiles.length > 0) {
    const rows = removedFiles.map((messageId) => messageRow(library, messageId))
    await queries.run('DELETE FROM library_files WHERE id = ANY($1)', [rows])
  }
  const counts = new Map(left)
  if (files.length > 0) {
    const folders = await folderRows(
      queries,
      library,
      files.map(({ folderId }) => folderId),
    )
    const rows = files.map((file) => {
      const folder = folders(file.folderId)
      const { files: before, bytes } = counts.get(folder) ?? { files: 0, bytes: 0 }
      counts.set(folder, { files: before + 1, bytes: bytes + file.size })
      const folded = foldName(file.name)
      return {
        id: messageRow(library, file.messageId),
        folder,
        name: file.name,
        folded,
        sort_name: sortName(folded),
        size: file.size,
        mime_type: file.mimeType,
        kind: kindOf(file.mimeType, file.name),
        posted_at: file.postedAt,
        edited_at: file.editedAt,
        modified_at: file.modifiedAt,
        sha256: file.sha256,
        crc32: file.crc32,
        measured: file.isMeasured ? 1 : 0,
        has_thumbnail: file.hasThumbnail ? 1 : 0,
        file_id: file.fileId,
        thumbnail_id: file.thumbnailId,
        document_id: file.documentId,
        caption_id: file.captionId,
        volumes: file.volumes,
      }
    })
    await queries.run(PUT_FILES, [library, JSON.stringify(rows)])
  }
  await countFiles(queries, counts)
}

const PUT_FILES = `
  INSERT INTO library_files (id, library, folder, name, folded, sort_name, size, mime_type, kind,
    posted_at, edited_at, modified_at, sha256, crc32, measured, has_thumbnail, file_id, thumbnail_id,
    document_id, caption_id, volumes)
  SELECT id, $1, folder, name, folded, sort_name, size, mime_type, kind, posted_at, edited_at,
    modified_at, decode(sha256, 'hex'), decode(crc32, 'hex'), measured, has_thumbnail, file_id,
    thumbnail_id, document_id, decode(caption_id, 'hex'), volumes
  FROM json_to_recordset($2::json) AS file (id bigint, folder bigint, name text, folded text,
    sort_name text, size bigint, mime_type text, kind text, posted_at bigint, edited_at bigint,
    modified_at bigint, sha256 text, crc32 text, measured integer, has_thumbnail integer,
    file_id text, thumbnail_id text, document_id text, caption_id text, volumes bigint)
  ON CONFLICT (id) DO UPDATE SET folder = excluded.folder, name = excluded.name,
    folded = excluded.folded, sort_name = excluded.sort_name, size = excluded.size,
    mime_type = excluded.mime_type, kind = excluded.kind, posted_at = excluded.posted_at,
    edited_at = excluded.edited_at, modified_at = excluded.modified_at, sha256 = excluded.sha256,
    crc32 = excluded.crc32, measured = excluded.measured, has_thumbnail = excluded.has_thumbnail,
    file_id = excluded.file_id, thumbnail_id = excluded.thumbnail_id,
    document_id = excluded.document_id, caption_id = excluded.caption_id,
    volumes = excluded.volumes`

async function writePosts(
  queries: Queries,
  library: number,
  { posts, removedPosts }: MessageChanges,
): Promise<void> {
  if (removedPosts.length > 0) {
    const rows = removedPosts.map((messageId) => messageRow(library, messageId))
    await queries.run('DELETE FROM library_folder_posts WHERE id = ANY($1)', [rows])
  }
  if (posts.length === 0) return
  const rows = posts.map(({ messageId, folderId, name, parentId, editedAt }) => ({
    id: messageRow(library, messageId),
    folder_id: folderId,
    name,
    parent_id: parentId,
    edited_at: editedAt,
  }))
  await queries.run(
    `INSERT INTO library_folder_posts (id, library, folder_id, name, parent_id, edited_at)
     SELECT id, $1, decode(folder_id, 'hex'), name, decode(parent_id, 'hex'), edited_at
     FROM json_to_recordset($2::json) AS post (id bigint, folder_id text, name text,
       parent_id text, edited_at bigint)
     ON CONFLICT (id) DO UPDATE SET folder_id = excluded.folder_id, name = excluded.name,
       parent_id = excluded.parent_id, edited_at = excluded.edited_at`,
    [library, JSON.stringify(rows)],
  )
}

async function writeVolumes(
  queries: Queries,
  library: number,
  { volumes, removedVolumes }: MessageChanges,
): Promise<void> {
  if (removedVolumes.length > 0) {
    const rows = removedVolumes.map((messageId) => messageRow(library, messageId))
    await queries.run('DELETE FROM library_volumes WHERE id = ANY($1)', [rows])
  }
  if (volumes.length === 0) return
  const rows = volumes.map(({ messageId, captionId, number, of, size, name, ...dates }) => ({
    ...{ id: messageRow(library, messageId), caption_id: captionId, number, volume_count: of },
    ...{ size, name, posted_at: dates.postedAt, edited_at: dates.editedAt },
  }))
  await queries.run(
    `INSERT INTO library_volumes (id, library, caption_id, number, volume_count, size, name,
       posted_at, edited_at)
     SELECT id, $1, decode(caption_id, 'hex'), number, volume_count, size, name, posted_at, edited_at
     FROM json_to_recordset($2::json) AS volume (id bigint, caption_id text, number bigint,
       volume_count bigint, size bigint, name text, posted_at bigint, edited_at bigint)
     ON CONFLICT (id) DO UPDATE SET caption_id = excluded.caption_id, number = excluded.number,
       volume_count = excluded.volume_count, size = excluded.size, name = excluded.name,
       posted_at = excluded.posted_at, edited_at = excluded.edited_at`,
    [library, JSON.stringify(rows)],
  )
}

function writeSync(
  queries: Queries,
  library: number,
  { pts, scan, lookedAt }: LibrarySync,
): Promise<number> {
  const { pts: scanPts = null, below = null, seen = null, total = null } = scan ?? {}
  return queries.run(
    `UPDATE libraries SET pts = $1, scan_pts = $2, scan_below = $3, scan_seen = $4,
       scan_total = $5, looked_at = $6
     WHERE id = $7`,
    [pts, scanPts, below, seen, total, lookedAt, library],
  )
}
