import type { Catalogue } from '../../../core/ports/catalogue.ts'
import { messageOf } from '../../ledger/library/rows.ts'
import { type Fields, integer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'
import { folderAt, pathsOf } from './reading.ts'

/**
 * `below` is the folder with this row and all that are shown in it, each with its depth, and with the
 * bytes of the path to it.
 */
const BELOW = `WITH RECURSIVE below (id, depth, path_bytes) AS (
  SELECT $1::bigint, 0, 0
  UNION ALL
  SELECT library_folders.id, depth + 1, path_bytes + 1 + octet_length(name)
  FROM library_folders JOIN below ON parent = below.id)`

export function createLibraryTree(database: PostgresDatabase): Pick<Catalogue, 'libraryTree'> {
  return {
    libraryTree: (key, path) =>
      database.snapshot(async (queries) => {
        const row = await folderAt(queries, key, path)
        if (row === null) return null
        const folder = [integer(row, 'id')]
        const files = await queries.all(
          `${BELOW} SELECT library_files.id FROM below
             JOIN library_folders ON shown = below.id
             JOIN library_files ON folder = library_folders.id`,
          folder,
        )
        const posts = await queries.all(
          `${BELOW} SELECT posts.id FROM below
             JOIN library_folders ON shown = below.id
             JOIN library_folder_posts AS posts USING (library, folder_id)
           ORDER BY depth DESC, posts.id DESC`,
          folder,
        )
        const most = await queries.get(
          `${BELOW} SELECT max(depth) AS depth, max(path_bytes) AS path_bytes FROM below`,
          folder,
        )
        const empty = await queries.all(
          `${BELOW} SELECT below.id FROM below JOIN library_folders AS folder USING (id)
           WHERE depth > 0 AND files = 0
             AND NOT EXISTS (SELECT 1 FROM library_folders WHERE parent = folder.id)
           ORDER BY below.id`,
          folder,
        )
        const inside = empty.map((found) => integer(found, 'id'))
        const pathOf = await pathsOf(queries, inside)
        return {
          fileIds: idsOf(files),
          folderIds: idsOf(posts),
          emptyFolders: inside.map((id) => pathOf(id).slice(path.length)),
          depth: most ? integer(most, 'depth') : 0,
          bytes: most ? integer(most, 'path_bytes') : 0,
        }
      }),
  }
}

function idsOf(rows: Fields[]): number[] {
  return rows.map((row) => messageOf(integer(row, 'id')))
}
