import type { FoundChunk, MaintainedLedger } from '../../../core/ports/ledger.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { integer, integerOrNull, toChunk, toUpload } from '../../ledger/tables/rows.ts'
import { encryptToken, refusedChunk } from '../../ledger/tables/uploads.ts'
import type { PostgresDatabase } from '../database.ts'
import { ALL, lockUpload } from './upload-rows.ts'

export type ChunkRecords = Pick<
  MaintainedLedger,
  'acceptChunk' | 'findChunk' | 'chunks' | 'loseChunk' | 'deleteChunk' | 'sealUpload'
>

/**
 * One statement: it locks the upload's row if it receives, writes the chunk, and counts it there. A
 * statement that waited for the lock sees the upload as it is by then, and no rows of chunks that came
 * meanwhile: so the count is kept with the upload.
 */
const ACCEPT = `
  WITH receiving AS (
    SELECT id FROM uploads
    WHERE id = $1 AND state = 'receiving' AND coalesce($6, chunk_size, 0) = coalesce(chunk_size, $6, 0)
      AND caption_id = coalesce($8, caption_id)
    FOR UPDATE
  ), written AS (
    INSERT INTO chunks (upload_id, chunk_index, size, digest)
    SELECT id, $2::bigint, $3::bigint, $4::bytea FROM receiving
    ON CONFLICT (upload_id, chunk_index) DO UPDATE SET digest = chunks.digest
    RETURNING digest, xmax = 0 AS is_new
  )
  UPDATE uploads SET touched_at = $5, chunk_size = coalesce($6, chunk_size),
    token = coalesce($7, token),
    chunk_count = chunk_count + is_new::integer,
    received_bytes = received_bytes + CASE WHEN is_new THEN $3::bigint ELSE 0 END
  FROM written WHERE id = $1 AND digest = $4 RETURNING chunk_count`

const DELETE = `
  WITH upload AS (SELECT id FROM uploads WHERE id = $1 FOR UPDATE), removed AS (
    DELETE FROM chunks USING upload WHERE upload_id = id AND chunk_index = $2
    RETURNING size AS bytes)
  UPDATE uploads SET chunk_count = chunk_count - 1, received_bytes = received_bytes - bytes
  FROM removed WHERE id = $1`

export function createChunkRecords(database: PostgresDatabase, cipher: LedgerCipher): ChunkRecords {
  async function findChunk(uploadId: string, index: number): Promise<FoundChunk | null> {
    const row = await database.get(
      `SELECT ${ALL}, chunk_count, chunk_bytes, digest,
         (SELECT count(*) FROM streams WHERE upload_id = id) AS streams
       FROM uploads LEFT JOIN
         (SELECT upload_id, chunk_index, size AS chunk_bytes, digest FROM chunks) AS chunk
         ON upload_id = id AND chunk_index = $2
       WHERE id = $1`,
      [uploadId, index],
    )
    if (!row) return null
    const { digest } = row
    const size = integerOrNull(row, 'chunk_bytes')
    return {
      upload: toUpload(row),
      isStream: integer(row, 'streams') > 0,
      chunk: size === null ? null : toChunk({ chunk_index: index, size, digest }),
      count: integer(row, 'chunk_count'),
    }
  }

  return {
    acceptChunk: async (uploadId, { index, size, digest }, change) => {
      const { chunkSize, token, captionId = null, now } = change
      const sealed = token === null ? null : encryptToken(cipher, uploadId, token)
      const bytes = Buffer.from(digest, 'hex')
      const values = [uploadId, index, size, bytes, now, chunkSize, sealed, captionId]
      const row = await database.get(ACCEPT, values)
      if (row) return { kind: 'accepted', count: integer(row, 'chunk_count') }
      const found = await findChunk(uploadId, index)
      return refusedChunk(found?.upload ?? null, found?.chunk ?? null, captionId)
    },
    findChunk,
    chunks: async (uploadId) => {
      const rows = await database.all(
        'SELECT chunk_index, size, digest FROM chunks WHERE upload_id = $1 ORDER BY chunk_index',
        [uploadId],
      )
      return rows.map(toChunk)
    },
    loseChunk: ({ id, captionId }, index) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, id)
        if (upload?.state !== 'receiving' || upload.captionId !== captionId) return false
        await queries.run(DELETE, [id, index])
        return true
      }),
    deleteChunk: async (uploadId, index) => {
      await database.run(DELETE, [uploadId, index])
    },
    sealUpload: (id, now) =>
      database.transaction(async (queries) => {
        const upload = await lockUpload(queries, id)
        if (upload === null) return { kind: 'gone' }
        if (upload.state !== 'receiving') return { kind: 'closed', upload }
        const row = await queries.get(
          `UPDATE uploads SET state = 'sealed', sealed_at = $1, touched_at = $1
           WHERE id = $2 AND chunk_count >= total_chunks RETURNING ${ALL}`,
          [now, id],
        )
        if (row) return { kind: 'sealed', upload: toUpload(row) }
        const present = await queries.all(
          'SELECT chunk_index FROM chunks WHERE upload_id = $1 ORDER BY chunk_index',
          [id],
        )
        return {
          kind: 'incomplete',
          present: present.map((chunk) => integer(chunk, 'chunk_index')),
        }
      }),
  }
}
