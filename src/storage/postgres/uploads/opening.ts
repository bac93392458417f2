import type { Ledger } from '../../../core/ports/ledger.ts'
import type { StreamRecord } from '../../../core/ports/records.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { fits } from '../../ledger/tables/opening.ts'
import { integer } from '../../ledger/tables/rows.ts'
import { encryptToken } from '../../ledger/tables/uploads.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { lockOpenings } from '../locks.ts'
import { addThumbnail } from './thumbnails.ts'
import { findUpload, insertUpload, reservationsIn, UNFINISHED } from './upload-rows.ts'

export type OpeningRecords = Pick<Ledger, 'openUpload' | 'joinUploads'>

/** How uploads begin: of nothing, or of the parts that are here. */
export function createOpeningRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
): OpeningRecords {
  const sealed = (id: string, token: string): Buffer => encryptToken(cipher, id, token)

  return {
    openUpload: async ({ upload, token, stream, share, capacity, ...optional }) =>
      database.transaction(async (queries) => {
        const { thumbnail = null, reservedBytes = upload.size, lookOnly = false } = optional
        // The sums are of all uploads: two that open at once must see each other.
        await lockOpenings(queries)
        const known = await findUpload(queries, upload.id)
        // Chunks that come together all open their upload: the first of them has its room.
        if (known?.owner === upload.owner) return { kind: 'known', upload: known }
        const held = await reservedBy(queries, upload.owner)
        const overShare =
          held.uploads >= share.maxUploads || held.bytes + reservedBytes > share.maxBytes
        if (overShare) return { kind: 'over-share', held }
        if (!fits(reservedBytes, await reservationsIn(queries), capacity)) {
          return { kind: 'no-capacity' }
        }
        if (known !== null) return { kind: 'known', upload: known }
        if (lookOnly) return { kind: 'opened' }
        await insertUpload(queries, { upload, reservedBytes, token: sealed(upload.id, token) })
        if (stream !== null) await insertStream(queries, { uploadId: upload.id, ...stream }, false)
        if (thumbnail !== null) await addThumbnail(queries, upload.id, thumbnail)
        return { kind: 'opened' }
      }),
    joinUploads: async ({ upload, stream, chunks, partIds, token }, now) =>
      database.transaction(async (queries) => {
        await lockOpenings(queries)
        const known = await findUpload(queries, upload.id)
        if (known !== null) return { kind: 'known', upload: known }
        // Locked in one order, so that two joins never wait for each other.
        await queries.all('SELECT 1 FROM uploads WHERE id = ANY($1) ORDER BY id FOR UPDATE', [
          partIds,
        ])
        for (const partId of partIds) {
          const part = await findUpload(queries, partId)
          if (part?.state !== 'receiving') return { kind: 'part-closed', part }
        }
        const reservedBytes = upload.size
        await insertUpload(queries, { upload, reservedBytes, token: sealed(upload.id, token) })
        // A client that joins the same parts again is told of this one.
        await insertStream(queries, stream, true)
        await queries.run(
          `INSERT INTO chunks (upload_id, chunk_index, size, digest)
           SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[])`,
          [
            upload.id,
            chunks.map(({ index }) => index),
            chunks.map(({ size }) => size),
            chunks.map(({ digest }) => Buffer.from(digest, 'hex')),
          ],
        )
        await queries.run(
          'UPDATE uploads SET chunk_count = $1, received_bytes = $2 WHERE id = $3',
          [chunks.length, chunks.reduce((sum, { size }) => sum + size, 0), upload.id],
        )
        await queries.run('DELETE FROM chunks WHERE upload_id = ANY($1)', [partIds])
        await queries.run(
          `UPDATE uploads SET state = 'completed', finished_at = $1, touched_at = $1, token = NULL,
             chunk_count = 0, received_bytes = 0, freed_bytes = 0
           WHERE id = ANY($2)`,
          [now, partIds],
        )
        return { kind: 'joined' }
      }),
  }
}

async function insertStream(
  queries: Queries,
  { uploadId, metadata, concat }: StreamRecord,
  announced: boolean,
): Promise<void> {
  await queries.run(
    'INSERT INTO streams (upload_id, metadata, concat, told) VALUES ($1, $2, $3, $4)',
    [uploadId, metadata, concat, announced ? 1 : 0],
  )
}

async function reservedBy(
  queries: Queries,
  owner: string,
): Promise<{ uploads: number; bytes: number }> {
  const row = await queries.get(
    `SELECT count(*) AS uploads, coalesce(sum(reserved), 0)::bigint AS bytes FROM uploads
     WHERE owner = $1 AND ${UNFINISHED}`,
    [owner],
  )
  return row
    ? { uploads: integer(row, 'uploads'), bytes: integer(row, 'bytes') }
    : { uploads: 0, bytes: 0 }
}
