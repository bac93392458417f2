import type { Catalogue } from '../../../core/ports/catalogue.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { integer } from '../tables/rows.ts'
import type { LibraryReading } from './reading.ts'
import { messageOf } from './rows.ts'

/**
 * `below` is the folder with this row and all that are shown in it, each with its depth, and with the
 * bytes of the path to it.
 */
const BELOW = `WITH RECURSIVE below (id, depth, path_bytes) AS (
  SELECT ?, 0, 0
  UNION ALL
  SELECT library_folders.id, depth + 1, path_bytes + 1 + length(CAST(name AS BLOB))
  FROM library_folders JOIN below ON parent = below.id)`

export function createLibraryTree(
  database: LedgerDatabase,
  {
    libraryOf,
    folderAt,
    createPaths,
  }: Pick<LibraryReading, 'libraryOf' | 'folderAt' | 'createPaths'>,
): Pick<Synchronous<Catalogue>, 'libraryTree'> {
  const files = database.prepare(
    `${BELOW} SELECT library_files.id FROM below
       JOIN library_folders ON shown = below.id
       JOIN library_files ON folder = library_folders.id`,
  )
  const posts = database.prepare(
    `${BELOW} SELECT posts.id FROM below
       JOIN library_folders ON shown = below.id
       JOIN library_folder_posts AS posts USING (library, folder_id)
     ORDER BY depth DESC, posts.id DESC`,
  )
  const longest = database.prepare(
    `${BELOW} SELECT max(depth) AS depth, max(path_bytes) AS path_bytes FROM below`,
  )
  const empty = database.prepare(
    `${BELOW} SELECT below.id FROM below JOIN library_folders AS folder USING (id)
     WHERE depth > 0 AND files = 0
       AND NOT EXISTS (SELECT 1 FROM library_folders WHERE parent = folder.id)
     ORDER BY below.id`,
  )
  const idsOf = (rows: { id?: unknown }[]): number[] =>
    rows.map((row) => messageOf(integer(row, 'id')))

  return {
    libraryTree: (key, path) => {
      const library = libraryOf(key)
      const row = library === null ? null : folderAt(library, path)
      if (row === null) return null
      const folder = integer(row, 'id')
      const most = longest.get(folder)
      const paths = createPaths()
      return {
        fileIds: idsOf(files.all(folder)),
        folderIds: idsOf(posts.all(folder)),
        emptyFolders: empty
          .all(folder)
          .map((inside) => paths.of(integer(inside, 'id')).slice(path.length)),
        depth: most ? integer(most, 'depth') : 0,
        bytes: most ? integer(most, 'path_bytes') : 0,
      }
    },
  }
}
