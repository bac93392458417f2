import type {
  Catalogue,
  LibraryPage,
  LibraryQuery,
  LibrarySort,
  OrderPosition,
} from '../../../core/ports/catalogue.ts'
import { positionOf } from '../../ledger/library/order.ts'
import { FILE_COLUMNS, messageRow } from '../../ledger/library/rows.ts'
import { type Fields, integer, text } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase, Queries, Value } from '../database.ts'
import { folderAt, pathsOf, shownFiles } from './reading.ts'

/** What rows are sorted by. Those of one library are in the order of their dates by their ids. */
const COLUMNS: Record<LibrarySort, string> = { name: 'sort_name', size: 'size', date: 'id' }

/** Rows of a page, and where its next part begins. */
interface Part {
  rows: Fields[]
  next: OrderPosition
}

/** Reads pages of a library; the database chooses by which of its indexes. */
export function createLibraryPages(database: PostgresDatabase): Pick<Catalogue, 'libraryPage'> {
  return {
    libraryPage: (key, query) =>
      database.snapshot(async (queries) => {
        const folder = await folderAt(queries, key, query.path)
        if (folder === null) {
          return query.path.length === 0 ? { files: [], folders: [], next: null } : null
        }
        return pageOf(queries, folder, query)
      }),
  }
}

async function pageOf(queries: Queries, folder: Fields, query: LibraryQuery): Promise<LibraryPage> {
  const folders = await foldersOf(queries, folder, query)
  const files = await filesOf(queries, folder, query)
  const pathOf = await pathsOf(
    queries,
    folders.rows.map((row) => integer(row, 'id')),
  )
  const next = { file: files.next, folder: folders.next }
  return {
    files: await shownFiles(queries, files.rows),
    folders: folders.rows.map((row) => ({
      path: pathOf(integer(row, 'id')),
      files: integer(row, 'files'),
      bytes: integer(row, 'bytes'),
    })),
    next: next.file === 'end' && next.folder === 'end' ? null : next,
  }
}

async function filesOf(queries: Queries, folder: Fields, query: LibraryQuery): Promise<Part> {
  const { words, kind, sort, descending, limit, after: place } = query
  const after = place.file
  if (after === 'end') return { rows: [], next: 'end' }
  const library = integer(folder, 'library')
  const values: Value[] = []
  const value = (given: Value): string => `$${values.push(given)}`
  const column = `library_files.${COLUMNS[sort]}`
  const direction = descending ? 'DESC' : 'ASC'

  const where = [
    `library = ${value(library)}`,
    // The same, for the index that has a library's files by their dates.
    `library_files.id BETWEEN ${value(messageRow(library, 0))}
       AND ${value(messageRow(library + 1, 0) - 1)}`,
  ]
  const within = await foldersWithin(queries, folder, query)
  // One folder is named by itself: by an index its files are in order.
  if (within?.length === 1) where.push(`folder = ${value(within[0] ?? 0)}`)
  else if (within !== null) where.push(`folder = ANY(${value(within)})`)
  for (const word of words) where.push(`folded LIKE ${value(containing(word))}`)
  if (kind !== null) where.push(`kind = ${value(kind)}`)
  if (after !== 'start') {
    const id = messageRow(library, after.id)
    const behind = sort === 'date' ? id : after.value
    where.push(
      `(${column}, library_files.id) ${descending ? '<' : '>'} (${value(behind)}, ${value(id)})`,
    )
  }
  const found = await queries.all(
    `SELECT ${FILE_COLUMNS}, ${column} AS place FROM library_files WHERE ${where.join(' AND ')}
     ORDER BY ${column} ${direction}, library_files.id ${direction} LIMIT ${value(limit + 1)}`,
    values,
  )
  const rows = found.slice(0, limit)
  const last = found.length > limit ? rows.at(-1) : undefined
  return { rows, next: last ? positionOf(placeOf(last), sort) : 'end' }
}

function placeOf(row: Fields): { value: string | number; id: number } {
  const { place } = row
  return { value: typeof place === 'string' ? place : Number(place), id: integer(row, 'id') }
}

/** What LIKE takes for a text that has the word. */
function containing(word: string): string {
  return `%${word.replace(/[\\%_]/g, '\\$&')}%`
}

/** Rows of the folders whose files are wanted; null: of all. */
async function foldersWithin(
  queries: Queries,
  folder: Fields,
  { path, recursive }: LibraryQuery,
): Promise<number[] | null> {
  if (recursive && path.length === 0) return null
  const rows = await queries.all(
    recursive
      ? `WITH RECURSIVE below (id) AS (
           SELECT $1::bigint
           UNION ALL
           SELECT library_folders.id FROM library_folders JOIN below ON parent = below.id)
         SELECT library_folders.id FROM below JOIN library_folders ON shown = below.id`
      : 'SELECT id FROM library_folders WHERE shown = $1',
    [integer(folder, 'id')],
  )
  return rows.map((row) => integer(row, 'id'))
}

async function foldersOf(
  queries: Queries,
  folder: Fields,
  { recursive, words, limit, after }: LibraryQuery,
): Promise<Part> {
  if (after.folder === 'end') return { rows: [], next: 'end' }
  const from = after.folder === 'start' ? { value: '', id: 0 } : after.folder
  const isBelow = recursive && words.length > 0
  const found = await queries.all(
    `WITH RECURSIVE below (id) AS (
       SELECT id FROM library_folders WHERE parent = $1
       ${
         isBelow
           ? `UNION ALL
              SELECT library_folders.id FROM library_folders JOIN below ON parent = below.id`
           : ''
       })
     SELECT library_folders.* FROM below JOIN library_folders USING (id)
     WHERE (sort_name, id) > ($2, $3) AND folded LIKE ALL ($4::text[])
     ORDER BY sort_name, id LIMIT $5`,
    [integer(folder, 'id'), from.value, from.id, words.map(containing), limit + 1],
  )
  const rows = found.slice(0, limit)
  const last = found.length > limit ? rows.at(-1) : undefined
  const next = last ? { value: text(last, 'sort_name'), id: integer(last, 'id') } : 'end'
  return { rows, next }
}
