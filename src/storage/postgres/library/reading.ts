import { foldName, isSameName, sortName } from '../../../core/model/library/names.ts'
import type {
  Catalogue,
  LibraryKey,
  ShownFile,
  ShownFolder,
} from '../../../core/ports/catalogue.ts'
import {
  FILE_COLUMNS,
  folderIdOf,
  messageOf,
  messageRow,
  ROOT,
  toFile,
  toFolderKey,
  toFolderPost,
  toSync,
} from '../../ledger/library/rows.ts'
import { type Fields, integer, integerOrNull, text } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries } from '../database.ts'

export type LibraryReading = Pick<
  Catalogue,
  | 'libraryTotals'
  | 'librarySync'
  | 'newestInLibrary'
  | 'libraryFile'
  | 'libraryFiles'
  | 'libraryFolder'
  | 'libraryFolderOfId'
  | 'libraryFilesNamed'
>

export function createLibraryReading(database: PostgresDatabase): LibraryReading {
  return {
    libraryTotals: async () => {
      const row = await database.get(
        `SELECT count(*) AS libraries, coalesce(sum(files), 0)::bigint AS files
         FROM libraries LEFT JOIN library_folders ON library = libraries.id AND folder_id = $1`,
        [ROOT],
      )
      return row
        ? { libraries: integer(row, 'libraries'), files: integer(row, 'files') }
        : { libraries: 0, files: 0 }
    },
    librarySync: async ({ owner, channelId }) => {
      const row = await database.get(
        'SELECT * FROM libraries WHERE owner = $1 AND channel_id = $2',
        [owner, channelId],
      )
      return row ? toSync(row) : null
    },
    newestInLibrary: (key) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return 0
        const range = [messageRow(library, 0), messageRow(library + 1, 0) - 1]
        const row = await queries.get(
          `SELECT greatest(
             (SELECT max(id) FROM library_files WHERE id BETWEEN $1 AND $2),
             (SELECT max(id) FROM library_volumes WHERE id BETWEEN $1 AND $2),
             (SELECT max(id) FROM library_folder_posts WHERE id BETWEEN $1 AND $2)) AS id`,
          range,
        )
        const id = row && integerOrNull(row, 'id')
        return id == null ? 0 : messageOf(id)
      }),
    libraryFile: (key, messageId) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return null
        const rows = await queries.all(`SELECT ${FILE_COLUMNS} FROM library_files WHERE id = $1`, [
          messageRow(library, messageId),
        ])
        return (await shownFiles(queries, rows))[0] ?? null
      }),
    libraryFiles: (key, messageIds) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        if (library === null) return []
        const rows = await queries.all(
          `SELECT ${FILE_COLUMNS} FROM library_files WHERE id = ANY($1)`,
          [messageIds.map((messageId) => messageRow(library, messageId))],
        )
        return shownFiles(queries, rows)
      }),
    libraryFolder: (key, path) =>
      database.snapshot(async (queries) => {
        const row = await folderAt(queries, key, path)
        return row ? folderWith(queries, row, path) : null
      }),
    libraryFolderOfId: (key, folderId) =>
      database.snapshot(async (queries) => {
        const library = await libraryOf(queries, key)
        const row = await queries.get(
          `SELECT shown.* FROM library_folders JOIN library_folders AS shown
             ON shown.id = library_folders.shown
           WHERE library_folders.library = $1 AND library_folders.folder_id = $2`,
          [library, toFolderKey(folderId)],
        )
        // Files of an unknown folder are shown in the root, which is not that folder.
        if (!row || (folderIdOf(row) === null && folderId !== null)) return null
        const id = integer(row, 'id')
        const pathOf = await pathsOf(queries, [id])
        return folderWith(queries, row, pathOf(id))
      }),
    libraryFilesNamed: (key, path, name) =>
      database.snapshot(async (queries) => {
        const row = await folderAt(queries, key, path)
        if (row === null) return []
        const rows = await queries.all(
          `SELECT ${FILE_COLUMNS} FROM library_files
           WHERE folder IN (SELECT id FROM library_folders WHERE shown = $1) AND sort_name = $2
           ORDER BY library_files.id DESC`,
          [integer(row, 'id'), sortName(foldName(name))],
        )
        const files = await shownFiles(queries, rows)
        return files.filter((file) => isSameName(file.name, name))
      }),
  }
}

/** The number of the library in its rows; null before its first change. */
export async function libraryOf(
  queries: Queries,
  { owner, channelId }: LibraryKey,
): Promise<number | null> {
  const sql = 'SELECT id FROM libraries WHERE owner = $1 AND channel_id = $2'
  const row = await queries.get(sql, [owner, channelId])
  return row ? integer(row, 'id') : null
}

/** The row of the folder that is shown at a path, or null. */
export async function folderAt(
  queries: Queries,
  { owner, channelId }: LibraryKey,
  path: readonly string[],
): Promise<Fields | null> {
  const row = await queries.get(
    `WITH RECURSIVE way (id, depth) AS (
       SELECT library_folders.id, 0 FROM libraries
         JOIN library_folders ON library = libraries.id AND folder_id = $3
       WHERE owner = $1 AND channel_id = $2
       UNION ALL
       SELECT library_folders.id, depth + 1 FROM way
         JOIN library_folders ON parent = way.id AND name = ($4::text[])[depth + 1])
     SELECT library_folders.* FROM way JOIN library_folders USING (id)
     WHERE depth = cardinality($4::text[])`,
    [owner, channelId, ROOT, path],
  )
  return row ?? null
}

async function folderWith(
  queries: Queries,
  row: Fields,
  path: readonly string[],
): Promise<ShownFolder> {
  const posts = await queries.all(
    `SELECT posts.* FROM library_folders
       JOIN library_folder_posts AS posts USING (library, folder_id)
     WHERE shown = $1 ORDER BY posts.id`,
    [integer(row, 'id')],
  )
  return {
    folderId: folderIdOf(row),
    path,
    files: integer(row, 'files'),
    bytes: integer(row, 'bytes'),
    posts: posts.map(toFolderPost),
  }
}

/** Files and where they are shown. */
export async function shownFiles(queries: Queries, rows: Fields[]): Promise<ShownFile[]> {
  const files = rows.map(toFile)
  const pathOf = await pathsOf(
    queries,
    files.map(({ folder }) => folder),
  )
  return files.map(({ file, folder }) => ({ ...file, path: pathOf(folder) }))
}

/** Finds out at which paths folders' rows are shown, all at once. */
export async function pathsOf(
  queries: Queries,
  folders: readonly number[],
): Promise<(folder: number) => readonly string[]> {
  const rows = await queries.all(
    `WITH RECURSIVE around (id) AS (
       SELECT id FROM library_folders WHERE id = ANY($1)
       UNION
       SELECT CASE WHEN shown = id THEN parent ELSE shown END
       FROM around JOIN library_folders USING (id))
     SELECT id, shown, parent, name FROM around JOIN library_folders USING (id)`,
    [[...new Set(folders)]],
  )
  const byId = new Map(rows.map((row) => [integer(row, 'id'), row]))
  const known = new Map<number, readonly string[]>()

  function rowOf(folder: number): Fields {
    const row = byId.get(folder)
    if (!row) throw new Error('a file names a folder without a row')
    return row
  }

  return (folder) => {
    const shown = integer(rowOf(folder), 'shown')
    const found = known.get(shown)
    if (found) return found
    const path: string[] = []
    for (let at: number | null = shown; at !== null; at = integerOrNull(rowOf(at), 'parent')) {
      path.unshift(text(rowOf(at), 'name'))
    }
    // The root's own name is none.
    known.set(shown, path.slice(1))
    return path.slice(1)
  }
}
