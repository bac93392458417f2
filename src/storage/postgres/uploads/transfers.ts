import type { Ledger } from '../../../core/ports/ledger.ts'
import { leaseLost } from '../../../errors.ts'
import { blob, fromTransfer, toTransfer } from '../../ledger/tables/rows.ts'
import { ONLY } from '../../ledger/tables/transfers.ts'
import type { Fences } from '../cluster/fences.ts'
import type { PostgresDatabase, Value } from '../database.ts'
import { fencedBy, UNFINISHED } from './upload-rows.ts'

export type TransferRecords = Pick<
  Ledger,
  | 'transfer'
  | 'saveTransfer'
  | 'deleteTransfer'
  | 'deleteTransfers'
  | 'acknowledgedParts'
  | 'saveAcknowledgedParts'
>

/**
 * A late flush of a transfer must not bring back what the end of its upload has erased: the upload's
 * row is locked until it is written, and an end that came first is seen.
 */
const UPLOAD = (fence: number): string =>
  `SELECT id FROM uploads WHERE id = $1 AND ${UNFINISHED} AND ${fencedBy(fence)} FOR NO KEY UPDATE`

const CARRIED = `SELECT id FROM uploads WHERE id = $1 AND ${fencedBy(2)} FOR NO KEY UPDATE`

export function createTransferRecords(database: PostgresDatabase, fences: Fences): TransferRecords {
  /** An upload that is gone has nothing to forget. */
  async function forget(sql: string, uploadId: string, values: readonly Value[]): Promise<void> {
    const row = await database.get(sql, [uploadId, fences.runOf(uploadId), ...values])
    if (!row) await fences.assertMine(database, uploadId)
  }

  /** What is carried here and has ended meanwhile must not go on: the next step may be its post. */
  async function write(sql: string, uploadId: string, values: readonly Value[]): Promise<void> {
    const written = await database.run(sql, [uploadId, ...values, fences.runOf(uploadId)])
    if (written === 0 && (await fences.assertMine(database, uploadId))) throw leaseLost()
  }

  return {
    transfer: async (uploadId, volume = ONLY) => {
      const sql = 'SELECT * FROM transfers WHERE upload_id = $1 AND volume = $2'
      const row = await database.get(sql, [uploadId, volume])
      return row ? toTransfer(row) : null
    },
    saveTransfer: (uploadId, state, volume = ONLY) =>
      write(
        `WITH upload AS (${UPLOAD(11)})
         INSERT INTO transfers (upload_id, volume, road, parts_holder, file_id, started_at, document,
           random_id, newest_message_id, post_attempts)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM upload
         ON CONFLICT (upload_id, volume) DO UPDATE SET road = excluded.road,
           parts_holder = excluded.parts_holder, file_id = excluded.file_id,
           started_at = excluded.started_at, document = excluded.document,
           random_id = excluded.random_id, newest_message_id = excluded.newest_message_id,
           post_attempts = excluded.post_attempts`,
        uploadId,
        [volume, ...fromTransfer(state)],
      ),
    deleteTransfer: (uploadId, volume = ONLY) =>
      forget(
        `WITH upload AS (${CARRIED}),
           parts AS (DELETE FROM acknowledged_parts USING upload WHERE upload_id = id AND volume = $3),
           transfer AS (DELETE FROM transfers USING upload WHERE upload_id = id AND volume = $3)
         SELECT id FROM upload`,
        uploadId,
        [volume],
      ),
    deleteTransfers: (uploadId) =>
      forget(
        `WITH upload AS (${CARRIED}),
           parts AS (DELETE FROM acknowledged_parts USING upload WHERE upload_id = id),
           transfer AS (DELETE FROM transfers USING upload WHERE upload_id = id)
         SELECT id FROM upload`,
        uploadId,
        [],
      ),
    acknowledgedParts: async (uploadId, volume = ONLY) => {
      const sql = 'SELECT bitmap FROM acknowledged_parts WHERE upload_id = $1 AND volume = $2'
      const row = await database.get(sql, [uploadId, volume])
      return row ? new Uint8Array(blob(row, 'bitmap')) : new Uint8Array()
    },
    saveAcknowledgedParts: (uploadId, bitmap, volume = ONLY) =>
      write(
        `WITH upload AS (${UPLOAD(4)})
         INSERT INTO acknowledged_parts (upload_id, volume, bitmap) SELECT id, $2, $3 FROM upload
         ON CONFLICT (upload_id, volume) DO UPDATE SET bitmap = excluded.bitmap`,
        uploadId,
        [volume, bitmap],
      ),
  }
}
