import { foldName, isSameName, sortName } from '../../../core/model/library/names.ts'
import type {
  Catalogue,
  LibraryKey,
  ShownFile,
  ShownFolder,
} from '../../../core/ports/catalogue.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { integer, integerOrNull, text } from '../tables/rows.ts'
import {
  FILE_COLUMNS,
  type FileInFolder,
  folderIdOf,
  messageOf,
  messageRow,
  ROOT,
  toFile,
  toFolderPost,
  toSync,
} from './rows.ts'

export interface LibraryReading
  extends Pick<
    Synchronous<Catalogue>,
    | 'libraryTotals'
    | 'librarySync'
    | 'newestInLibrary'
    | 'libraryFile'
    | 'libraryFiles'
    | 'libraryFolder'
    | 'libraryFolderOfId'
    | 'libraryFilesNamed'
  > {
  /** The number of the library in its rows; null before its first change. */
  libraryOf: (key: LibraryKey) => number | null
  /** The row of the folder that is shown at a path, or null. */
  folderAt: (library: number, path: readonly string[]) => Row | null
  /** Says where rows are shown, and looks up each folder once. */
  createPaths: () => Paths
}

export interface Paths {
  /** The path at which a folder's row is shown. */
  of: (folder: number) => readonly string[]
  shown: (row: FileInFolder) => ShownFile
}

export function createLibraryReading(database: LedgerDatabase): LibraryReading {
  const find = database.prepare('SELECT * FROM libraries WHERE owner = ? AND channel_id = ?')
  const totals = database.prepare(
    `SELECT count(*) AS libraries, coalesce(sum(files), 0) AS files
     FROM libraries LEFT JOIN library_folders ON library = libraries.id AND folder_id = ?`,
  )
  const findFile = database.prepare(`SELECT ${FILE_COLUMNS} FROM library_files WHERE id = ?`)
  const findFiles = database.prepare(
    `SELECT ${FILE_COLUMNS} FROM library_files WHERE id IN (SELECT value FROM json_each(?))`,
  )
  const withId = database.prepare(
    'SELECT * FROM library_folders WHERE library = ? AND folder_id = ?',
  )
  const inside = database.prepare('SELECT * FROM library_folders WHERE parent = ? AND name = ?')
  const findFolder = database.prepare('SELECT * FROM library_folders WHERE id = ?')
  const postsOf = database.prepare(
    `SELECT posts.* FROM library_folders
       JOIN library_folder_posts AS posts USING (library, folder_id)
     WHERE shown = ? ORDER BY posts.id`,
  )
  const newest = database.prepare(
    `SELECT max(id) AS id FROM (
       SELECT max(id) AS id FROM library_files WHERE id BETWEEN ?1 AND ?2
       UNION ALL SELECT max(id) FROM library_volumes WHERE id BETWEEN ?1 AND ?2
       UNION ALL SELECT max(id) FROM library_folder_posts WHERE id BETWEEN ?1 AND ?2)`,
  )
  const named = database.prepare(
    `SELECT ${FILE_COLUMNS} FROM library_files
     WHERE folder IN (SELECT id FROM library_folders WHERE shown = ?) AND sort_name = ?
     ORDER BY library_files.id DESC`,
  )

  function libraryOf({ owner, channelId }: LibraryKey): number | null {
    const row = find.get(owner, channelId)
    return row ? integer(row, 'id') : null
  }

  function folderAt(library: number, path: readonly string[]): Row | null {
    let row = withId.get(library, ROOT)
    for (const name of path) {
      if (!row) return null
      row = inside.get(integer(row, 'id'), name)
    }
    return row ?? null
  }

  function createPaths(): Paths {
    const known = new Map<number, { parent: number | null; path: readonly string[] }>()
    const shownAs = new Map<number, number>()

    /** The row as which a folder is shown. */
    function placeOf(folder: number): {
      id: number
      parent: number | null
      path: readonly string[]
    } {
      const shown = shownAs.get(folder) ?? integer(rowOf(folder), 'shown')
      shownAs.set(folder, shown)
      const place = known.get(shown)
      if (place) return { id: shown, ...place }
      // From the folder up to the first whose path is known: names can be nested by the thousand.
      const way: Row[] = []
      let at: number | null = shown
      while (at !== null && !known.has(at)) {
        const row = rowOf(at)
        way.unshift(row)
        at = integerOrNull(row, 'parent')
      }
      let path = at === null ? [] : (known.get(at)?.path ?? [])
      for (const row of way) {
        const parent = integerOrNull(row, 'parent')
        path = parent === null ? [] : [...path, text(row, 'name')]
        known.set(integer(row, 'id'), { parent, path })
      }
      return { id: shown, parent: known.get(shown)?.parent ?? null, path }
    }

    return {
      of: (folder) => placeOf(folder).path,
      shown: ({ file, folder }) => ({ ...file, path: placeOf(folder).path }),
    }
  }

  function rowOf(folder: number): Row {
    const row = findFolder.get(folder)
    if (!row) throw new Error('a file names a folder without a row')
    return row
  }

  function folderWith(row: Row, path: readonly string[]): ShownFolder {
    const shown = integer(row, 'id')
    return {
      folderId: folderIdOf(row),
      path,
      files: integer(row, 'files'),
      bytes: integer(row, 'bytes'),
      posts: postsOf.all(shown).map(toFolderPost),
    }
  }

  return {
    libraryOf,
    folderAt,
    createPaths,
    libraryTotals: () => {
      const row = totals.get(ROOT)
      return row
        ? { libraries: integer(row, 'libraries'), files: integer(row, 'files') }
        : { libraries: 0, files: 0 }
    },
    librarySync: (key) => {
      const row = find.get(key.owner, key.channelId)
      return row ? toSync(row) : null
    },
    newestInLibrary: (key) => {
      const library = libraryOf(key)
      if (library === null) return 0
      const row = newest.get(messageRow(library, 0), messageRow(library + 1, 0) - 1)
      const id = row && integerOrNull(row, 'id')
      return id == null ? 0 : messageOf(id)
    },
    libraryFile: (key, messageId) => {
      const library = libraryOf(key)
      const row = library === null ? undefined : findFile.get(messageRow(library, messageId))
      return row ? createPaths().shown(toFile(row)) : null
    },
    libraryFiles: (key, messageIds) => {
      const library = libraryOf(key)
      if (library === null) return []
      const paths = createPaths()
      const rows = JSON.stringify(messageIds.map((messageId) => messageRow(library, messageId)))
      return findFiles.all(rows).map((row) => paths.shown(toFile(row)))
    },
    libraryFolder: (key, path) => {
      const library = libraryOf(key)
      const row = library === null ? null : folderAt(library, path)
      return row ? folderWith(row, path) : null
    },
    libraryFolderOfId: (key, folderId) => {
      const library = libraryOf(key)
      const id = folderId === null ? ROOT : Buffer.from(folderId, 'hex')
      const row = library === null ? undefined : withId.get(library, id)
      const shown = row && findFolder.get(integer(row, 'shown'))
      // Files of an unknown folder are shown in the root, which is not that folder.
      if (!shown || (folderIdOf(shown) === null && folderId !== null)) return null
      return folderWith(shown, createPaths().of(integer(shown, 'id')))
    },
    libraryFilesNamed: (key, path, name) => {
      const library = libraryOf(key)
      const row = library === null ? null : folderAt(library, path)
      if (row === null) return []
      const paths = createPaths()
      const sorted = sortName(foldName(name))
      return named
        .all(integer(row, 'id'), sorted)
        .map((found) => paths.shown(toFile(found)))
        .filter((file) => isSameName(file.name, name))
    },
  }
}
