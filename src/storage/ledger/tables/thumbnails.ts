import type { Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob } from './rows.ts'

export type ThumbnailRecords = Pick<
  Synchronous<Ledger>,
  'uploadThumbnail' | 'saveUploadThumbnail'
> & {
  /** Keeps the thumbnail of a new upload, or drops it where many have one. */
  addThumbnail: (uploadId: string, jpeg: Uint8Array) => void
  forgetThumbnail: (uploadId: string) => void
}

/**
 * Uploads that keep a thumbnail at one time: with 200 KB each, 50 MB beside the spool. A file without
 * one is posted all the same.
 */
export const MAX_THUMBNAILS = 256

export function createThumbnailRecords(database: LedgerDatabase): ThumbnailRecords {
  const find = database.prepare('SELECT jpeg FROM thumbnails WHERE upload_id = ?')
  const keep = database.prepare(
    `INSERT OR REPLACE INTO thumbnails (upload_id, jpeg)
     SELECT ?, ? WHERE (SELECT count(*) FROM thumbnails WHERE upload_id <> ?) < ${MAX_THUMBNAILS}`,
  )
  const forget = database.prepare('DELETE FROM thumbnails WHERE upload_id = ?')
  const receives = database.prepare("SELECT 1 FROM uploads WHERE id = ? AND state = 'receiving'")

  return {
    addThumbnail: (uploadId, jpeg) => void keep.run(uploadId, jpeg, uploadId),
    forgetThumbnail: (uploadId) => void forget.run(uploadId),
    uploadThumbnail: (uploadId) => {
      const row = find.get(uploadId)
      return row ? new Uint8Array(blob(row, 'jpeg')) : null
    },
    saveUploadThumbnail: (uploadId, jpeg) =>
      database.transaction(() => {
        if (!receives.get(uploadId)) return 'closed'
        return keep.run(uploadId, jpeg, uploadId) > 0 ? 'saved' : 'full'
      }),
  }
}
