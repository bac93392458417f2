import type { LibraryNewsRecords } from '../../../core/ports/cluster/library-news.ts'
import { integer, text } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

/** A change that is counted twice, because an answer was lost, is told twice. */
const COUNT = `
  INSERT INTO library_news AS news (owner, changes) VALUES ($1, 1)
  ON CONFLICT (owner) DO UPDATE SET changes = news.changes + 1 RETURNING changes`

export function createLibraryNewsRecords(database: PostgresDatabase): LibraryNewsRecords {
  return {
    countLibraryChange: async (owner) => {
      const row = await database.get(COUNT, [owner])
      if (!row) throw new Error('a change of a library was not counted')
      return integer(row, 'changes')
    },
    libraryChanges: async (owners) => {
      const sql = 'SELECT owner, changes FROM library_news WHERE owner = ANY($1)'
      const rows = await database.all(sql, [owners])
      return new Map(rows.map((row) => [text(row, 'owner'), integer(row, 'changes')]))
    },
  }
}
