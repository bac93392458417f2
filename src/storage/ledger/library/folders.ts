import { arrangeFolders, type FolderCount } from '../../../core/model/library/folder-tree.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import { integer } from '../tables/rows.ts'
import { foldersOf, planArrangement } from './arrangement.ts'
import { folderIdOf, ROOT, toFolderKey, toFolderPost } from './rows.ts'

/** The rows of folders; all calls are made inside the caller's transaction. */
export interface FolderRows {
  /** The row of the folder with this id, begun in the root where it is unknown. */
  rowOf: (library: number, folderId: string | null) => number
  /** Adds to what lies in the folder itself, and to what is counted in all folders around it. */
  count: (folder: number, added: FolderCount) => void
  /** Puts all folders of a library where their messages say, and counts anew what they hold. */
  arrange: (library: number) => void
  /** Forgets a folder without messages that no file names any more. */
  forgetUnused: (folder: number) => void
}

export function createFolderRows(database: LedgerDatabase): FolderRows {
  const find = database.prepare(
    'SELECT id FROM library_folders WHERE library = ? AND folder_id = ?',
  )
  const insert = database.prepare(
    `INSERT INTO library_folders (library, folder_id, shown, parent, name, folded, sort_name,
       own_files, own_bytes, files, bytes)
     VALUES (?, ?, ?, NULL, '', '', '', 0, 0, 0, 0) RETURNING id`,
  )
  const showItself = database.prepare('UPDATE library_folders SET shown = id WHERE id = ?')
  const countOwn = database.prepare(
    `UPDATE library_folders SET own_files = own_files + ?2, own_bytes = own_bytes + ?3
     WHERE id = ?1`,
  )
  const countAround = database.prepare(
    `WITH RECURSIVE around (id) AS (
       SELECT shown FROM library_folders WHERE id = ?1
       UNION ALL
       SELECT parent FROM library_folders JOIN around USING (id) WHERE parent IS NOT NULL)
     UPDATE library_folders SET files = files + ?2, bytes = bytes + ?3
     WHERE id IN (SELECT id FROM around)`,
  )
  const posts = database.prepare('SELECT * FROM library_folder_posts WHERE library = ?')
  const all = database.prepare(
    `SELECT id, folder_id, shown, parent, name, own_files, own_bytes, files, bytes
     FROM library_folders WHERE library = ?`,
  )
  const place = database.prepare(
    `UPDATE library_folders SET shown = ?, parent = ?, name = ?, folded = ?, sort_name = ?,
       files = ?, bytes = ?
     WHERE id = ?`,
  )
  const forget = database.prepare(
    `DELETE FROM library_folders WHERE id = ? AND own_files = 0 AND length(folder_id) > 0
       AND NOT EXISTS (SELECT 1 FROM library_folder_posts AS posts
         WHERE posts.library = library_folders.library
           AND posts.folder_id = library_folders.folder_id)`,
  )

  function rootOf(library: number): number {
    const row = find.get(library, ROOT)
    if (row) return integer(row, 'id')
    // It is shown as itself, whose id nobody knows before.
    const id = insertRow(library, null, 0)
    showItself.run(id)
    return id
  }

  function insertRow(library: number, folderId: string | null, shown: number): number {
    const row = insert.get(library, toFolderKey(folderId), shown)
    if (!row) throw new Error('the row of a folder was not written')
    return integer(row, 'id')
  }

  function rowOf(library: number, folderId: string | null): number {
    if (folderId === null) return rootOf(library)
    const row = find.get(library, toFolderKey(folderId))
    return row ? integer(row, 'id') : insertRow(library, folderId, rootOf(library))
  }

  /** All rows of a library by their folders; those of `needed` are begun where they are missing. */
  function rowsOf(library: number, needed: (string | null)[]): Map<string | null, Row> {
    const read = () => new Map(all.all(library).map((row) => [folderIdOf(row), row]))
    const rows = read()
    const missing = needed.filter((folderId) => !rows.has(folderId))
    for (const folderId of missing) rowOf(library, folderId)
    return missing.length > 0 ? read() : rows
  }

  return {
    rowOf,
    count: (folder, { files, bytes }) => {
      if (files === 0 && bytes === 0) return
      countOwn.run(folder, files, bytes)
      countAround.run(folder, files, bytes)
    },
    arrange: (library) => {
      const tree = arrangeFolders(posts.all(library).map(toFolderPost))
      const { placed, unused } = planArrangement(tree, rowsOf(library, foldersOf(tree)))
      for (const { id, shown, parent, name, folded, sortName, files, bytes } of placed) {
        place.run(shown, parent, name, folded, sortName, files, bytes, id)
      }
      for (const id of unused) forget.run(id)
    },
    forgetUnused: (folder) => void forget.run(folder),
  }
}
