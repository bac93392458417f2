import type { ArchiveRecords } from '../../../core/ports/archives.ts'
import {
  encodeEntries,
  MAX_BYTES,
  MAX_BYTES_OF_OWNER,
  toArchive,
} from '../../ledger/tables/archives.ts'
import type { PostgresDatabase } from '../database.ts'

export function createArchiveRecords(database: PostgresDatabase): ArchiveRecords {
  return {
    keepArchive: async ({ id, owner, list, expiresAt }) =>
      database.transaction(async (queries) => {
        await queries.run(
          `INSERT INTO archives AS kept (id, owner, file_name, entries, expires_at)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, file_name = excluded.file_name,
             entries = excluded.entries, expires_at = greatest(kept.expires_at, excluded.expires_at)`,
          [id, owner, list.fileName, encodeEntries(list.entries), expiresAt],
        )
        await queries.run(shrink('WHERE owner = $2'), [MAX_BYTES_OF_OWNER, owner])
        await queries.run(shrink(''), [MAX_BYTES])
      }),
    findArchive: async (id, now) => {
      const sql = 'SELECT * FROM archives WHERE id = $1 AND expires_at > $2'
      const row = await database.get(sql, [id, now])
      return row ? toArchive(row) : null
    },
    deleteExpiredArchives: async (now) => {
      await database.run('DELETE FROM archives WHERE expires_at <= $1', [now])
    },
  }
}

/** The sums go from the newest back, and the newest itself always stays. */
function shrink(where: string): string {
  return `DELETE FROM archives WHERE number IN (
    SELECT number FROM (
      SELECT number, sum(length(entries)) OVER (ORDER BY number DESC) AS total,
        max(number) OVER () AS newest
      FROM archives ${where}) AS sums
    WHERE total > $1 AND number < newest)`
}
