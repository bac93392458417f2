import type { Ledger } from '../../../core/ports/ledger.ts'
import { blob } from '../../ledger/tables/rows.ts'
import { MAX_THUMBNAILS } from '../../ledger/tables/thumbnails.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { lockUpload } from './upload-rows.ts'

export type ThumbnailRecords = Pick<Ledger, 'uploadThumbnail' | 'saveUploadThumbnail'>

export function createThumbnailRecords(database: PostgresDatabase): ThumbnailRecords {
  return {
    uploadThumbnail: async (uploadId) => {
      const row = await database.get('SELECT jpeg FROM thumbnails WHERE upload_id = $1', [uploadId])
      return row ? new Uint8Array(blob(row, 'jpeg')) : null
    },
    saveUploadThumbnail: (uploadId, jpeg) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, uploadId)
        if (upload?.state !== 'receiving') return 'closed'
        return (await addThumbnail(queries, uploadId, jpeg)) ? 'saved' : 'full'
      }),
  }
}

/** Keeps a thumbnail in place of the one before; false where too many others have one. */
export async function addThumbnail(
  queries: Queries,
  uploadId: string,
  jpeg: Uint8Array,
): Promise<boolean> {
  const added = await queries.run(
    `INSERT INTO thumbnails (upload_id, jpeg)
     SELECT $1, $2 WHERE (SELECT count(*) FROM thumbnails WHERE upload_id <> $1) < ${MAX_THUMBNAILS}
     ON CONFLICT (upload_id) DO UPDATE SET jpeg = excluded.jpeg`,
    [uploadId, jpeg],
  )
  return added > 0
}
