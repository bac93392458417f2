import { arrangeFolders, type FolderCount } from '../../../core/model/library/folder-tree.ts'
import { foldersOf, planArrangement } from '../../ledger/library/arrangement.ts'
import { folderIdOf, toFolderKey, toFolderPost } from '../../ledger/library/rows.ts'
import { type Fields, integer } from '../../ledger/tables/rows.ts'
import type { Queries } from '../database.ts'

// All calls are made inside a transaction that has locked the library.

/** Finds the rows of folders by the ids that files name; those that are missing are begun in the root. */
export async function folderRows(
  queries: Queries,
  library: number,
  folderIds: readonly (string | null)[],
): Promise<(folderId: string | null) => number> {
  const find =
    'SELECT id, folder_id FROM library_folders WHERE library = $1 AND folder_id = ANY($2)'
  const wanted = [...new Set([null, ...folderIds])]
  const found = await queries.all(find, [library, wanted.map(toFolderKey)])
  const rows = new Map(found.map((row) => [folderIdOf(row), integer(row, 'id')]))
  const root = rows.get(null) ?? (await insertRoot(queries, library))
  rows.set(null, root)
  const missing = wanted.filter((folderId) => !rows.has(folderId))
  if (missing.length > 0) {
    const inserted = await queries.all(
      `INSERT INTO library_folders (library, folder_id, shown, name, folded, sort_name, own_files,
         own_bytes, files, bytes)
       SELECT $1, folder_id, $2, '', '', '', 0, 0, 0, 0 FROM unnest($3::bytea[]) AS folder_id
       RETURNING id, folder_id`,
      [library, root, missing.map(toFolderKey)],
    )
    for (const row of inserted) rows.set(folderIdOf(row), integer(row, 'id'))
  }
  return (folderId) => {
    const row = rows.get(folderId)
    if (row === undefined) throw new Error('the row of a folder was not written')
    return row
  }
}

/** It is shown as itself. */
async function insertRoot(queries: Queries, library: number): Promise<number> {
  const row = await queries.get(
    `WITH number AS (SELECT nextval(pg_get_serial_sequence('library_folders', 'id')) AS id)
     INSERT INTO library_folders (id, library, folder_id, shown, name, folded, sort_name, own_files,
       own_bytes, files, bytes)
     OVERRIDING SYSTEM VALUE
     SELECT id, $1, '', id, '', '', '', 0, 0, 0, 0 FROM number
     RETURNING id`,
    [library],
  )
  if (!row) throw new Error('the row of the root was not written')
  return integer(row, 'id')
}

/** Adds to what lies in folders' rows themselves, and to what is counted in all folders around. */
export async function countFiles(
  queries: Queries,
  counts: ReadonlyMap<number, FolderCount>,
): Promise<void> {
  const added = [...counts]
    .map(([folder, { files, bytes }]) => ({ folder, files, bytes }))
    .filter(({ files, bytes }) => files !== 0 || bytes !== 0)
  if (added.length === 0) return
  await queries.run(
    `WITH RECURSIVE added AS (
       SELECT * FROM json_to_recordset($1::json) AS x (folder bigint, files bigint, bytes bigint)
     ), around (id, files, bytes) AS (
       SELECT shown, added.files, added.bytes
       FROM added JOIN library_folders ON library_folders.id = folder
       UNION ALL
       SELECT parent, around.files, around.bytes
       FROM around JOIN library_folders USING (id) WHERE parent IS NOT NULL
     ), sums AS (
       SELECT id, sum(own_files) AS own_files, sum(own_bytes) AS own_bytes,
         sum(files) AS files, sum(bytes) AS bytes
       FROM (
         SELECT folder AS id, files AS own_files, bytes AS own_bytes, 0 AS files, 0 AS bytes
         FROM added
         UNION ALL SELECT id, 0, 0, files, bytes FROM around) AS parts
       GROUP BY id
     )
     UPDATE library_folders AS folders SET own_files = folders.own_files + sums.own_files,
       own_bytes = folders.own_bytes + sums.own_bytes,
       files = folders.files + sums.files, bytes = folders.bytes + sums.bytes
     FROM sums WHERE folders.id = sums.id`,
    [JSON.stringify(added)],
  )
}

/** Puts all folders of a library where their messages say, and counts anew what they hold. */
export async function arrange(queries: Queries, library: number): Promise<void> {
  const posts = await queries.all('SELECT * FROM library_folder_posts WHERE library = $1', [
    library,
  ])
  const tree = arrangeFolders(posts.map(toFolderPost))
  await folderRows(queries, library, foldersOf(tree))
  const rows = await queries.all(
    `SELECT id, folder_id, shown, parent, name, own_files, own_bytes, files, bytes
     FROM library_folders WHERE library = $1`,
    [library],
  )
  const byId = new Map<string | null, Fields>(rows.map((row) => [folderIdOf(row), row]))
  const { placed, unused } = planArrangement(tree, byId)
  if (placed.length > 0) {
    await queries.run(
      `UPDATE library_folders AS folders SET shown = place.shown, parent = place.parent,
         name = place.name, folded = place.folded, sort_name = place."sortName",
         files = place.files, bytes = place.bytes
       FROM json_to_recordset($1::json) AS place (id bigint, shown bigint, parent bigint, name text,
         folded text, "sortName" text, files bigint, bytes bigint)
       WHERE folders.id = place.id`,
      [JSON.stringify(placed)],
    )
  }
  await forgetUnused(queries, unused)
}

/** Forgets those of the folders that have no messages and that no file names any more. */
export async function forgetUnused(queries: Queries, folders: readonly number[]): Promise<void> {
  if (folders.length === 0) return
  await queries.run(
    `DELETE FROM library_folders WHERE id = ANY($1) AND own_files = 0 AND length(folder_id) > 0
       AND NOT EXISTS (SELECT 1 FROM library_folder_posts AS posts
         WHERE posts.library = library_folders.library
           AND posts.folder_id = library_folders.folder_id)`,
    [folders],
  )
}
