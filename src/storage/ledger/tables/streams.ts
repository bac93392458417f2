import type { StreamRecords } from '../../../core/ports/ledger.ts'
import type { StreamRecord } from '../../../core/ports/records.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { type Fields, text, textOrNull } from './rows.ts'

export interface StreamRows extends Synchronous<Omit<StreamRecords, 'joinUploads'>> {
  /** Adds the row, inside the caller's transaction. */
  insertStream: (stream: StreamRecord, announced: boolean) => void
}

/** What the ledger knows of uploads whose bytes come as a stream, beside their rows as uploads. */
export function createStreamRecords(database: LedgerDatabase): StreamRows {
  const insert = database.prepare(
    'INSERT OR REPLACE INTO streams (upload_id, metadata, concat, told) VALUES (?, ?, ?, ?)',
  )
  const announce = database.prepare('UPDATE streams SET told = 1 WHERE upload_id = ?')
  const unannounced = database.prepare(
    `SELECT id FROM uploads JOIN streams ON upload_id = id
     WHERE told = 0 AND state IN ('receiving', 'sealed') AND created_at < ? ORDER BY created_at`,
  )
  const find = database.prepare('SELECT * FROM streams WHERE upload_id = ?')

  return {
    insertStream: ({ uploadId, metadata, concat }, announced) =>
      void insert.run(uploadId, metadata, concat, announced ? 1 : 0),
    announceStream: (uploadId) => void announce.run(uploadId),
    unannouncedStreams: (openedBefore) =>
      unannounced.all(openedBefore).map((row) => text(row, 'id')),
    stream: (uploadId) => {
      const row = find.get(uploadId)
      return row ? toStream(row) : null
    },
  }
}

export function toStream(row: Fields): StreamRecord {
  return {
    uploadId: text(row, 'upload_id'),
    metadata: textOrNull(row, 'metadata'),
    concat: textOrNull(row, 'concat'),
  }
}
