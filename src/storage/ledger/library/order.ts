import type { SQLInputValue } from 'node:sqlite'
import type { LibraryQuery, LibrarySort, OrderPosition } from '../../../core/ports/catalogue.ts'
import type { LedgerDatabase, Row, Statement } from '../database.ts'
import { integer } from '../tables/rows.ts'
import { messageOf, messageRow } from './rows.ts'

/** What rows are sorted by. Those of one library are in the order of their dates by their ids. */
const COLUMNS: Record<LibrarySort, string> = { name: 'sort_name', size: 'size', date: 'id' }

/** Which files are wanted, and in which order. */
export interface Wanted
  extends Pick<LibraryQuery, 'words' | 'kind' | 'sort' | 'descending' | 'limit'> {
  readonly library: number
  /** Rows of folders, as JSON; null: all of the library. */
  readonly within: string | null
  readonly after: OrderPosition
}

/** Where rows are looked for. */
export type Source =
  /** All of the library, or of a folder's row, by an index that has them in order. */
  | { kind: 'index'; folder: number | null }
  /** These rows, as JSON. */
  | { kind: 'rows'; ids: string }
  /** All rows of the folders that are wanted. */
  | { kind: 'folders' }
  /** The rows of the library from one id to another, both included. */
  | { kind: 'range'; from: number; to: number }

/** A row, and its place in an order. */
export interface Placed {
  readonly value: string | number
  readonly id: number
}

/** SQL, and the values for its question marks. */
interface Piece {
  sql: string
  values: SQLInputValue[]
}

/**
 * Finds the rows of a source that are wanted and come first behind the place, one more than the
 * limit at most.
 */
export function createOrderedSearch(
  database: LedgerDatabase,
): (source: Source, wanted: Wanted) => Placed[] {
  const statements = new Map<string, Statement>()

  function prepare(sql: string): Statement {
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  return (source, wanted) => {
    const column = COLUMNS[wanted.sort]
    const direction = wanted.descending ? 'DESC' : 'ASC'
    const pieces = [sourceOf(source, wanted), ...placeOf(wanted), ...filtersOf(source, wanted)]
    const statement = prepare(
      `SELECT ${column} AS value, id FROM library_files ${pieces.map(({ sql }) => sql).join(' AND ')}
       ORDER BY ${column} ${direction}, id ${direction} LIMIT ?`,
    )
    const values = pieces.flatMap((piece) => piece.values)
    return statement.all(...values, wanted.limit + 1).map(toPlaced)
  }
}

/** Where to look, up to the first condition. */
function sourceOf(source: Source, wanted: Wanted): Piece {
  const { library, sort, within } = wanted
  switch (source.kind) {
    case 'rows':
      return { sql: 'WHERE id IN (SELECT value FROM json_each(?))', values: [source.ids] }
    case 'folders':
      return {
        sql: 'INDEXED BY library_files_in_folder WHERE folder IN (SELECT value FROM json_each(?))',
        values: [within],
      }
    case 'range':
      return { sql: 'NOT INDEXED WHERE id BETWEEN ? AND ?', values: [source.from, source.to] }
    case 'index': {
      const { folder } = source
      const suffix = sort === 'date' ? '' : `_by_${sort}`
      if (folder !== null) {
        const sql = `INDEXED BY library_files_in_folder${suffix} WHERE folder = ?`
        return { sql, values: [folder] }
      }
      if (sort === 'date') return sourceOf({ kind: 'range', ...rowsOf(library) }, wanted)
      return { sql: `INDEXED BY library_files${suffix} WHERE library = ?`, values: [library] }
    }
  }
}

/** Only what comes behind the place, if it is not the start of the order. */
function placeOf({ after, sort, descending, library }: Wanted): Piece[] {
  if (typeof after === 'string') return []
  const greater = descending ? '<' : '>'
  const id = messageRow(library, after.id)
  if (sort === 'date') return [{ sql: `id ${greater} ?`, values: [id] }]
  return [{ sql: `(${COLUMNS[sort]}, id) ${greater} (?, ?)`, values: [after.value, id] }]
}

function filtersOf(source: Source, { words, kind, within }: Wanted): Piece[] {
  const filters = words.map((word) => ({ sql: 'instr(folded, ?) > 0', values: [word] }))
  if (kind !== null) filters.push({ sql: 'kind = ?', values: [kind] })
  const isWithin = within === null || source.kind === 'folders' || source.kind === 'index'
  // The plus keeps SQLite from looking for rows by their folders.
  if (!isWithin) {
    filters.push({ sql: '+folder IN (SELECT value FROM json_each(?))', values: [within] })
  }
  return filters
}

/** All ids that rows of a library can have. */
export function rowsOf(library: number): { from: number; to: number } {
  return { from: messageRow(library, 0), to: messageRow(library + 1, 0) - 1 }
}

/** The first of rows that were found in several searches of one order. */
export function mergePlaced(
  found: readonly Placed[],
  { descending, limit }: Pick<Wanted, 'descending' | 'limit'>,
): Placed[] {
  const sign = descending ? -1 : 1
  return [...found]
    .sort((a, b) => sign * (compareValues(a.value, b.value) || a.id - b.id))
    .slice(0, limit + 1)
}

export function positionOf({ value, id }: Placed, sort: LibrarySort): OrderPosition {
  const messageId = messageOf(id)
  return { value: sort === 'date' ? messageId : value, id: messageId }
}

function toPlaced(row: Row): Placed {
  const { value } = row
  return { value: typeof value === 'string' ? value : Number(value), id: integer(row, 'id') }
}

/** As SQLite compares them: text by its bytes in UTF-8. */
function compareValues(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}
