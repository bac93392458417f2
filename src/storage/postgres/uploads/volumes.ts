import type { PostedVolume, VolumeRecords } from '../../../core/ports/volumes.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { blob, text, tokenPurpose, toTransfer } from '../../ledger/tables/rows.ts'
import { leftIn, toCleanup, toVolume } from '../../ledger/tables/volumes.ts'
import type { Fences } from '../cluster/fences.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { fencedBy, UNFINISHED } from './upload-rows.ts'

export function createVolumeRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
  fences: Fences,
): VolumeRecords {
  return {
    volumes: (uploadId) => volumesOf(database, uploadId),
    fixVolumeChannel: async (uploadId, channelId) => {
      const row = await database.get(
        `UPDATE uploads SET volume_channel = coalesce(volume_channel, $1)
         WHERE id = $2 AND ${UNFINISHED} AND ${fencedBy(3)} RETURNING volume_channel`,
        [channelId, uploadId, fences.runOf(uploadId)],
      )
      if (!row) await fences.assertMine(database, uploadId)
      return row ? text(row, 'volume_channel') : null
    },
    postVolume: async (uploadId, volume, { freedChunks, now }) =>
      database.transaction(async (queries) => {
        const { number, messageId, documentId, fileId, size, crc32, hashState } = volume
        const counted = await queries.run(
          `UPDATE uploads SET posted_volumes = greatest(posted_volumes, $2),
             freed_chunks = greatest(freed_chunks, $3), touched_at = $4
           WHERE id = $1 AND ${UNFINISHED} AND ${fencedBy(5)}`,
          [uploadId, number, freedChunks, now, fences.runOf(uploadId)],
        )
        if (counted === 0) {
          await fences.assertMine(queries, uploadId)
          return false
        }
        await queries.run(
          `INSERT INTO volumes (upload_id, number, message_id, document_id, file_id, size, crc32,
             hash_state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (upload_id, number) DO UPDATE SET message_id = excluded.message_id,
             document_id = excluded.document_id, file_id = excluded.file_id, size = excluded.size,
             crc32 = excluded.crc32, hash_state = excluded.hash_state`,
          [uploadId, number, messageId, documentId, fileId, size, crc32, hashState],
        )
        await queries.run(
          `WITH parts AS (DELETE FROM acknowledged_parts WHERE upload_id = $1 AND volume = $2)
           DELETE FROM transfers WHERE upload_id = $1 AND volume = $2`,
          [uploadId, number],
        )
        await queries.run(
          `WITH freed AS (
             SELECT coalesce(sum(chunks.size), 0)::bigint AS bytes
             FROM uploads JOIN chunks ON upload_id = id AND chunk_index < freed_chunks
             WHERE id = $1)
           UPDATE uploads SET freed_bytes = bytes, reserved = least(reserved, size - bytes)
           FROM freed WHERE id = $1`,
          [uploadId],
        )
        return true
      }),
    volumeCleanups: async () => {
      return (await database.all('SELECT * FROM volume_cleanups ORDER BY id')).map(toCleanup)
    },
    volumeCleanupToken: async (id) => {
      const row = await database.get('SELECT * FROM volume_cleanups WHERE id = $1', [id])
      if (!row) return null
      const purpose = tokenPurpose(text(row, 'upload_id'))
      return cipher.decrypt(purpose, blob(row, 'token'))?.toString('utf8') ?? null
    },
    endVolumeCleanup: async (id) => {
      await database.run('DELETE FROM volume_cleanups WHERE id = $1', [id])
    },
  }
}

/** Those that are in Telegram, in order. */
export async function volumesOf(queries: Queries, uploadId: string): Promise<PostedVolume[]> {
  const sql = 'SELECT * FROM volumes WHERE upload_id = $1 ORDER BY number'
  return (await queries.all(sql, [uploadId])).map(toVolume)
}

/**
 * Writes down what an unfinished upload may have left in its channel, before it ends otherwise than
 * well; its token goes with the end. The caller has locked its row.
 */
export async function keepCleanup(queries: Queries, uploadId: string): Promise<void> {
  const upload = await queries.get(
    `SELECT 1 AS has FROM uploads
     WHERE id = $1 AND volume_channel IS NOT NULL AND token IS NOT NULL`,
    [uploadId],
  )
  if (!upload) return
  const volumes = await volumesOf(queries, uploadId)
  const tried = await queries.all(
    'SELECT * FROM transfers WHERE upload_id = $1 AND post_attempts > 0 ORDER BY volume',
    [uploadId],
  )
  const left = leftIn(volumes, tried.map(toTransfer))
  if (left === null) return
  await queries.run(
    `INSERT INTO volume_cleanups (upload_id, owner, channel_id, caption_id, message_ids, look_after,
       token)
     SELECT id, owner, volume_channel, caption_id, $2, $3, token FROM uploads WHERE id = $1`,
    [uploadId, JSON.stringify(left.messageIds), left.lookAfter],
  )
}
