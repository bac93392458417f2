import type { Ledger } from '../../../core/ports/ledger.ts'
import { blob, fromTransfer, toTransfer } from '../../ledger/tables/rows.ts'
import { ONLY } from '../../ledger/tables/transfers.ts'
import type { PostgresDatabase } from '../database.ts'
import { UNFINISHED } from './upload-rows.ts'

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
const UPLOAD = `SELECT id FROM uploads WHERE id = $1 AND ${UNFINISHED} FOR NO KEY UPDATE`

export function createTransferRecords(database: PostgresDatabase): TransferRecords {
  return {
    transfer: async (uploadId, volume = ONLY) => {
      const sql = 'SELECT * FROM transfers WHERE upload_id = $1 AND volume = $2'
      const row = await database.get(sql, [uploadId, volume])
      return row ? toTransfer(row) : null
    },
    saveTransfer: async (uploadId, state, volume = ONLY) => {
      await database.run(
        `WITH upload AS (${UPLOAD})
         INSERT INTO transfers (upload_id, volume, road, parts_holder, file_id, started_at, document,
           random_id, newest_message_id, post_attempts)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM upload
         ON CONFLICT (upload_id, volume) DO UPDATE SET road = excluded.road,
           parts_holder = excluded.parts_holder, file_id = excluded.file_id,
           started_at = excluded.started_at, document = excluded.document,
           random_id = excluded.random_id, newest_message_id = excluded.newest_message_id,
           post_attempts = excluded.post_attempts`,
        [uploadId, volume, ...fromTransfer(state)],
      )
    },
    deleteTransfer: async (uploadId, volume = ONLY) => {
      await database.run(
        `WITH parts AS (DELETE FROM acknowledged_parts WHERE upload_id = $1 AND volume = $2)
         DELETE FROM transfers WHERE upload_id = $1 AND volume = $2`,
        [uploadId, volume],
      )
    },
    deleteTransfers: async (uploadId) => {
      await database.run(
        `WITH parts AS (DELETE FROM acknowledged_parts WHERE upload_id = $1)
         DELETE FROM transfers WHERE upload_id = $1`,
        [uploadId],
      )
    },
    acknowledgedParts: async (uploadId, volume = ONLY) => {
      const sql = 'SELECT bitmap FROM acknowledged_parts WHERE upload_id = $1 AND volume = $2'
      const row = await database.get(sql, [uploadId, volume])
      return row ? new Uint8Array(blob(row, 'bitmap')) : new Uint8Array()
    },
    saveAcknowledgedParts: async (uploadId, bitmap, volume = ONLY) => {
      await database.run(
        `WITH upload AS (${UPLOAD})
         INSERT INTO acknowledged_parts (upload_id, volume, bitmap) SELECT id, $2, $3 FROM upload
         ON CONFLICT (upload_id, volume) DO UPDATE SET bitmap = excluded.bitmap`,
        [uploadId, volume, bitmap],
      )
    },
  }
}
