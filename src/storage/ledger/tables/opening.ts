import type { Ledger, Reservations, SpoolCapacity } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import type { StreamRows } from './streams.ts'
import type { ThumbnailRecords } from './thumbnails.ts'
import type { UploadRecords } from './uploads.ts'

export type OpeningRecords = Pick<Synchronous<Ledger>, 'openUpload' | 'joinUploads'>

/** How uploads begin: of nothing, or of the parts that are here. */
export function createOpeningRecords(
  database: LedgerDatabase,
  uploads: Pick<UploadRecords, 'insertUpload' | 'findUpload' | 'reservations' | 'reservedBy'>,
  rows: Pick<StreamRows, 'insertStream'> & Pick<ThumbnailRecords, 'addThumbnail'>,
): OpeningRecords {
  const addChunk = database.prepare(
    'INSERT INTO chunks (upload_id, chunk_index, size, digest) VALUES (?, ?, ?, ?)',
  )
  const removeChunks = database.prepare('DELETE FROM chunks WHERE upload_id = ?')
  const useUp = database.prepare(
    `UPDATE uploads SET state = 'completed', finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ?`,
  )

  return {
    openUpload: ({ upload, token, stream, share, capacity, ...optional }) =>
      database.transaction(() => {
        const { thumbnail = null, reservedBytes = upload.size, lookOnly = false } = optional
        const known = uploads.findUpload(upload.id)
        // Chunks that come together all open their upload: the first of them has its room.
        if (known?.owner === upload.owner) return { kind: 'known', upload: known }
        const held = uploads.reservedBy(upload.owner)
        const overShare =
          held.uploads >= share.maxUploads || held.bytes + reservedBytes > share.maxBytes
        if (overShare) return { kind: 'over-share', held }
        if (!fits(reservedBytes, uploads.reservations(), capacity)) return { kind: 'no-capacity' }
        if (known !== null) return { kind: 'known', upload: known }
        if (lookOnly) return { kind: 'opened' }
        uploads.insertUpload(upload, token, reservedBytes)
        if (stream !== null) rows.insertStream({ uploadId: upload.id, ...stream }, false)
        if (thumbnail !== null) rows.addThumbnail(upload.id, thumbnail)
        return { kind: 'opened' }
      }),
    joinUploads: ({ upload, stream, chunks, partIds, token }, now) =>
      database.transaction(() => {
        const known = uploads.findUpload(upload.id)
        if (known !== null) return { kind: 'known', upload: known }
        for (const partId of partIds) {
          const part = uploads.findUpload(partId)
          if (part?.state !== 'receiving') return { kind: 'part-closed', part }
        }
        uploads.insertUpload(upload, token, upload.size)
        // A client that joins the same parts again is told of this one.
        rows.insertStream(stream, true)
        for (const { index, size, digest } of chunks) {
          addChunk.run(upload.id, index, size, Buffer.from(digest, 'hex'))
        }
        for (const partId of partIds) {
          removeChunks.run(partId)
          useUp.run(now, now, partId)
        }
        return { kind: 'joined' }
      }),
  }
}

/** Whether `size` bytes more may be reserved. */
export function fits(size: number, reserved: Reservations, capacity: SpoolCapacity): boolean {
  const { limitBytes, freeBytes, presentBytes } = capacity
  if (reserved.reservedBytes + size > limitBytes) return false
  return reserved.unwrittenBytes + size - presentBytes <= freeBytes
}
