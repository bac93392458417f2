import { setImmediate as nextTurn } from 'node:timers/promises'
import type {
  Catalogue,
  FolderSummary,
  LibraryQuery,
  OrderPosition,
} from '../../../core/ports/catalogue.ts'
import { createFairSlots } from '../../../lib/concurrency/fair-slots.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import { integer, text } from '../tables/rows.ts'
import {
  createOrderedSearch,
  mergePlaced,
  type Placed,
  positionOf,
  rowsOf,
  type Source,
  type Wanted,
} from './order.ts'
import type { LibraryReading, Paths } from './reading.ts'
import { FILE_COLUMNS, type FileInFolder, messageRow, toFile } from './rows.ts'

/** Files that are put in order at once. */
const MAX_CANDIDATES = 2_000
/** Rows that one step of a scan looks at, which takes a millisecond or two. */
const STEP_ROWS = 10_000
/** Characters of the pieces of names that their index knows. */
const TRIGRAM = 3
/** Pieces that are looked up. More would cost more than they leave out. */
const MAX_TRIGRAMS = 24

const NEVER = new AbortController().signal

/** A part of a page, and where its next part begins. */
interface Part<T> {
  items: T[]
  next: OrderPosition
}

/**
 * Reads pages of a library. A page that an index has in order is read from there. Where a filter is
 * in the way and few files come into question, by the index of names or by what the folder counts,
 * these are put in order; else all rows are looked at, in steps between which others have their turn.
 */
export function createLibraryPages(
  database: LedgerDatabase,
  reading: LibraryReading,
): Pick<Catalogue, 'libraryPage'> {
  const search = createOrderedSearch(database)
  const scans = createFairSlots(1)
  const rowsWith = createNameIndex(database)
  const foldersOf = createFolderPages(database)
  const foldersWithin = createSubtrees(database)
  const edge = database.prepare(
    `SELECT id FROM library_files WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1 OFFSET ${STEP_ROWS}`,
  )
  const edgeBack = database.prepare(
    `SELECT id FROM library_files WHERE id BETWEEN ? AND ? ORDER BY id DESC
     LIMIT 1 OFFSET ${STEP_ROWS}`,
  )
  const fetch = database.prepare(
    `SELECT ${FILE_COLUMNS} FROM library_files WHERE id IN (SELECT value FROM json_each(?))`,
  )

  async function filesOf(
    library: number,
    folder: Row,
    query: LibraryQuery,
  ): Promise<Part<FileInFolder>> {
    const { limit, sort } = query
    const after = query.after.file
    if (after === 'end') return { items: [], next: 'end' }
    const within = foldersWithin(folder, query)
    const wanted: Wanted = { ...query, after, library, within }
    const source = sourceFor(folder, wanted)
    const found = source === null ? await scanInTurn(wanted) : search(source, wanted)
    const page = found.slice(0, limit)
    const last = found.length > limit ? page.at(-1) : undefined
    return { items: filesIn(page), next: last ? positionOf(last, sort) : 'end' }
  }

  /** Null: all rows must be looked at. */
  function sourceFor(folder: Row, { library, within, words, kind }: Wanted): Source | null {
    const unfiltered = words.length === 0 && kind === null
    const only = within === null ? null : onlyFolder(within)
    if (unfiltered && (within === null || only !== null)) return { kind: 'index', folder: only }
    const isSmall = integer(folder, 'files') <= MAX_CANDIDATES
    if (isSmall && within !== null) return { kind: 'folders' }
    const ids = rowsWith(library, words)
    return ids === null ? null : { kind: 'rows', ids }
  }

  /** Scans run one at a time, and libraries by turns: the steps of many would block as one. */
  async function scanInTurn(wanted: Wanted): Promise<Placed[]> {
    const leave = await scans.acquire(String(wanted.library), NEVER)
    try {
      return await scan(wanted)
    } finally {
      leave()
    }
  }

  /** Rows lie in the order of their dates: by date the scan ends when the page is full. */
  async function scan(wanted: Wanted): Promise<Placed[]> {
    const { sort, descending, limit, library, after } = wanted
    const backwards = sort === 'date' && descending
    let { from, to } = rowsOf(library)
    if (sort === 'date' && typeof after === 'object') {
      if (backwards) to = messageRow(library, after.id)
      else from = messageRow(library, after.id)
    }
    let found: Placed[] = []
    for (;;) {
      const row = (backwards ? edgeBack : edge).get(from, to)
      const end = row ? integer(row, 'id') : null
      const step = backwards ? { from: end ?? from, to } : { from, to: end ?? to }
      found = mergePlaced([...found, ...search({ kind: 'range', ...step }, wanted)], wanted)
      if (end === null || (sort === 'date' && found.length > limit)) return found
      if (backwards) to = end - 1
      else from = end + 1
      await nextTurn()
    }
  }

  function filesIn(page: readonly Placed[]): FileInFolder[] {
    const rows = fetch.all(JSON.stringify(page.map(({ id }) => id)))
    const byId = new Map(rows.map((row) => [integer(row, 'id'), row]))
    // A row that was found a moment ago may be gone.
    return page.flatMap(({ id }) => {
      const row = byId.get(id)
      return row ? [toFile(row)] : []
    })
  }

  return {
    libraryPage: async (key, query) => {
      const library = reading.libraryOf(key)
      const folder = library === null ? null : reading.folderAt(library, query.path)
      if (library === null || folder === null) {
        return query.path.length === 0 ? { files: [], folders: [], next: null } : null
      }
      const folders = foldersOf(folder, query)
      const files = await filesOf(library, folder, query)
      const paths = reading.createPaths()
      const next = { file: files.next, folder: folders.next }
      return {
        files: files.items.map(paths.shown),
        folders: folders.items.map((row) => summaryOf(row, paths)),
        next: next.file === 'end' && next.folder === 'end' ? null : next,
      }
    },
  }
}

/** The row of the one folder in JSON; null: there are more. */
function onlyFolder(within: string): number | null {
  const [, only] = /^\[(\d+)\]$/.exec(within) ?? []
  return only === undefined ? null : Number(only)
}

/** Finds the rows of folders whose files are wanted, as JSON; null: of all. */
function createSubtrees(database: LedgerDatabase) {
  const itself = database.prepare(
    'SELECT json_group_array(id) AS ids FROM library_folders WHERE shown = ?',
  )
  const all = database.prepare(
    `WITH RECURSIVE below (id) AS (
       SELECT ?
       UNION ALL
       SELECT library_folders.id FROM library_folders JOIN below ON parent = below.id)
     SELECT json_group_array(library_folders.id) AS ids
     FROM below JOIN library_folders ON shown = below.id`,
  )

  return (folder: Row, { path, recursive }: LibraryQuery): string | null => {
    if (recursive && path.length === 0) return null
    const row = (recursive ? all : itself).get(integer(folder, 'id'))
    return row ? text(row, 'ids') : '[]'
  }
}

function summaryOf(row: Row, paths: Paths): FolderSummary {
  return {
    path: paths.of(integer(row, 'id')),
    files: integer(row, 'files'),
    bytes: integer(row, 'bytes'),
  }
}

/**
 * Finds files by pieces of three characters of their names. What it finds may lack a word: the order
 * of the pieces is not kept.
 */
function createNameIndex(database: LedgerDatabase) {
  const find = database.prepare(
    `SELECT json_group_array(rowid) AS ids, count(*) AS n FROM
       (SELECT rowid FROM library_names WHERE library_names MATCH ? AND rowid BETWEEN ? AND ?
        LIMIT ${MAX_CANDIDATES + 1})`,
  )

  /** Rows of files as JSON; null: too many, or the words are too short to say. */
  return (library: number, words: readonly string[]): string | null => {
    const pieces = words.flatMap(trigramsOf).slice(0, MAX_TRIGRAMS)
    if (pieces.length === 0) return null
    const match = pieces.map((piece) => `"${piece.replaceAll('"', '""')}"`).join(' AND ')
    const { from, to } = rowsOf(library)
    const row = find.get(match, from, to)
    return row && integer(row, 'n') <= MAX_CANDIDATES ? text(row, 'ids') : null
  }
}

/** Pieces that together cover the word. */
function trigramsOf(word: string): string[] {
  const characters = Array.from(word)
  const last = characters.length - TRIGRAM
  const starts = characters
    .map((_, at) => at)
    .filter((at) => at === last || (at % TRIGRAM === 0 && at < last))
  return starts.map((at) => characters.slice(at, at + TRIGRAM).join(''))
}

function createFolderPages(database: LedgerDatabase) {
  const filter = `AND (sort_name, id) > (?, ?)
    AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE instr(folded, value) = 0)
    ORDER BY sort_name, id LIMIT ?`
  const inside = database.prepare(`SELECT * FROM library_folders WHERE parent = ? ${filter}`)
  const below = database.prepare(
    `WITH RECURSIVE below (id) AS (
       SELECT id FROM library_folders WHERE parent = ?
       UNION ALL
       SELECT library_folders.id FROM library_folders JOIN below ON parent = below.id)
     SELECT library_folders.* FROM below JOIN library_folders USING (id) WHERE true ${filter}`,
  )

  return (folder: Row, { recursive, words, limit, after }: LibraryQuery): Part<Row> => {
    if (after.folder === 'end') return { items: [], next: 'end' }
    const from = after.folder === 'start' ? { value: '', id: 0 } : after.folder
    const find = recursive && words.length > 0 ? below : inside
    const asked = JSON.stringify(words)
    const rows = find.all(integer(folder, 'id'), from.value, from.id, asked, limit + 1)
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    const next = last ? { value: text(last, 'sort_name'), id: integer(last, 'id') } : 'end'
    return { items, next }
  }
}
