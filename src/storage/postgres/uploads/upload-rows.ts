import type { Reservations } from '../../../core/ports/ledger.ts'
import type { Upload } from '../../../core/ports/records.ts'
import { fromUpload, integer, toUpload } from '../../ledger/tables/rows.ts'
import type { Queries } from '../database.ts'

const COLUMNS = `id, owner, file_name, mime_type, size, total_chunks, chunk_size, state, created_at,
  touched_at, sealed_at, finished_at, message_id, file_id, reason, modified_at, caption_id, sha256, crc32,
  folder, folder_id, given_name, replaces, replaces_in, volume_bytes`
export const ALL = `${COLUMNS}, cancelled, last_percent, retry_at, posted_volumes, freed_chunks`
export const UNFINISHED = `state IN ('receiving', 'sealed')`
/** A piece of another upload is no file of its own. */
export const NOT_PARTIAL = `NOT EXISTS
  (SELECT 1 FROM streams WHERE upload_id = uploads.id AND concat = 'partial')`

/** Holds while the upload's run is the one at this place of the values, or there is none. */
export function fencedBy(place: number): string {
  return `($${place}::bigint IS NULL OR run = $${place})`
}

export async function findUpload(queries: Queries, id: string): Promise<Upload | null> {
  const row = await queries.get(`SELECT ${ALL} FROM uploads WHERE id = $1`, [id])
  return row ? toUpload(row) : null
}

/** The same, and until the transaction ends no other one changes it, or its chunks. */
export async function lockUpload(queries: Queries, id: string): Promise<Upload | null> {
  const row = await queries.get(`SELECT ${ALL} FROM uploads WHERE id = $1 FOR UPDATE`, [id])
  return row ? toUpload(row) : null
}

export async function reservationsIn(queries: Queries): Promise<Reservations> {
  const row = await queries.get(
    `SELECT coalesce(sum(reserved), 0)::bigint AS reserved,
       coalesce(sum(greatest(0, reserved - (received_bytes - freed_bytes))), 0)::bigint AS unwritten
     FROM uploads WHERE ${UNFINISHED}`,
  )
  if (!row) return { reservedBytes: 0, unwrittenBytes: 0 }
  return { reservedBytes: integer(row, 'reserved'), unwrittenBytes: integer(row, 'unwritten') }
}

/** Adds the row; the transaction has seen that there is none, and has locked openings. */
export async function insertUpload(
  queries: Queries,
  { upload, token, reservedBytes }: { upload: Upload; token: Buffer; reservedBytes: number },
): Promise<void> {
  await queries.run(
    `INSERT INTO uploads (${COLUMNS}, reserved, token)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
       $20, $21, $22, $23, $24, $25, $26, $27)`,
    [...fromUpload(upload), reservedBytes, token],
  )
}
