import type { StreamRecords } from '../../../core/ports/ledger.ts'
import { text } from '../../ledger/tables/rows.ts'
import { toStream } from '../../ledger/tables/streams.ts'
import type { PostgresDatabase } from '../database.ts'
import { UNFINISHED } from './upload-rows.ts'

/** What the ledger knows of uploads whose bytes come as a stream, beside their rows as uploads. */
export function createStreamRecords(
  database: PostgresDatabase,
): Omit<StreamRecords, 'joinUploads'> {
  return {
    announceStream: async (uploadId) => {
      await database.run('UPDATE streams SET told = 1 WHERE upload_id = $1', [uploadId])
    },
    unannouncedStreams: async (openedBefore) => {
      const rows = await database.all(
        `SELECT id FROM uploads JOIN streams ON upload_id = id
         WHERE told = 0 AND ${UNFINISHED} AND created_at < $1 ORDER BY created_at`,
        [openedBefore],
      )
      return rows.map((row) => text(row, 'id'))
    },
    stream: async (uploadId) => {
      const row = await database.get('SELECT * FROM streams WHERE upload_id = $1', [uploadId])
      return row ? toStream(row) : null
    },
  }
}
