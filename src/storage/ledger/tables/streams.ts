import type {
  Ledger,
  Reservations,
  SpoolCapacity,
  StreamRecords,
} from '../../../core/ports/ledger.ts'
import type { StreamRecord } from '../../../core/ports/records.ts'
import { AppError } from '../../../errors.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { text, textOrNull } from './rows.ts'
import type { UploadRecords } from './uploads.ts'

/** What the ledger knows of uploads whose bytes come as a stream, beside their rows as uploads. */
export function createStreamRecords(
  database: LedgerDatabase,
  uploads: Pick<UploadRecords, 'insertUpload' | 'findUpload' | 'reservations' | 'reservedBy'>,
): Synchronous<StreamRecords & Pick<Ledger, 'openUpload'>> {
  const insert = database.prepare(
    'INSERT OR REPLACE INTO streams (upload_id, metadata, concat, told) VALUES (?, ?, ?, ?)',
  )
  const announce = database.prepare('UPDATE streams SET told = 1 WHERE upload_id = ?')
  const unannounced = database.prepare(
    `SELECT id FROM uploads JOIN streams ON upload_id = id
     WHERE told = 0 AND state IN ('receiving', 'sealed') ORDER BY created_at`,
  )
  const find = database.prepare('SELECT * FROM streams WHERE upload_id = ?')
  const addChunk = database.prepare(
    'INSERT INTO chunks (upload_id, chunk_index, size, digest) VALUES (?, ?, ?, ?)',
  )
  const removeChunks = database.prepare('DELETE FROM chunks WHERE upload_id = ?')
  const useUp = database.prepare(
    `UPDATE uploads SET state = 'completed', finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ? AND state = 'receiving'`,
  )

  return {
    openUpload: ({ upload, token, stream, share, capacity, lookOnly = false }) =>
      database.transaction(() => {
        const held = uploads.reservedBy(upload.owner)
        const overShare =
          held.uploads >= share.maxUploads || held.bytes + upload.size > share.maxBytes
        if (overShare) return { kind: 'over-share', held }
        if (!fits(upload.size, uploads.reservations(), capacity)) return { kind: 'no-capacity' }
        const known = uploads.findUpload(upload.id)
        if (known !== null) return { kind: 'known', upload: known }
        if (lookOnly) return { kind: 'opened' }
        uploads.insertUpload(upload, token)
        if (stream !== null) insert.run(upload.id, stream.metadata, stream.concat, 0)
        return { kind: 'opened' }
      }),
    announceStream: (uploadId) => {
      announce.run(uploadId)
    },
    unannouncedStreams: () => unannounced.all().map((row) => text(row, 'id')),
    stream: (uploadId) => {
      const row = find.get(uploadId)
      return row ? toStream(row) : null
    },
    joinUploads: ({ upload, stream, chunks, partIds, token }, now) =>
      database.transaction(() => {
        if (!uploads.insertUpload(upload, token)) throw alreadyThere()
        // A client that joins the same parts again is told of this one.
        insert.run(upload.id, stream.metadata, stream.concat, 1)
        for (const { index, size, digest } of chunks) {
          addChunk.run(upload.id, index, size, Buffer.from(digest, 'hex'))
        }
        for (const id of partIds) {
          removeChunks.run(id)
          useUp.run(now, now, id)
        }
      }),
  }
}

function toStream(row: Row): StreamRecord {
  return {
    uploadId: text(row, 'upload_id'),
    metadata: textOrNull(row, 'metadata'),
    concat: textOrNull(row, 'concat'),
  }
}

/** Whether the spool may promise `size` bytes more. */
function fits(size: number, reserved: Reservations, capacity: SpoolCapacity): boolean {
  const { limitBytes, freeBytes, presentBytes } = capacity
  if (reserved.reservedBytes + size > limitBytes) return false
  return reserved.unwrittenBytes + size - presentBytes <= freeBytes
}

function alreadyThere(): AppError {
  return new AppError('UPLOAD_DIFFERS', 'This uploadId is already in use')
}
