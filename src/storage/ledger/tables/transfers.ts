import type { Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, fromTransfer, toTransfer } from './rows.ts'

export type TransferRecords = Pick<
  Synchronous<Ledger>,
  | 'transfer'
  | 'saveTransfer'
  | 'deleteTransfer'
  | 'deleteTransfers'
  | 'acknowledgedParts'
  | 'saveAcknowledgedParts'
>

// A late flush of a transfer must not bring back what the end of its upload has erased.
const WHILE_UNFINISHED = `WHERE EXISTS
  (SELECT 1 FROM uploads WHERE id = ? AND state IN ('receiving', 'sealed'))`

/** The number of an upload's only document, or of its manifest. */
export const ONLY = 0

export function createTransferRecords(database: LedgerDatabase): TransferRecords {
  const find = database.prepare('SELECT * FROM transfers WHERE upload_id = ? AND volume = ?')
  const save = database.prepare(
    `INSERT OR REPLACE INTO transfers (upload_id, volume, road, parts_holder, file_id, started_at,
       document, random_id, newest_message_id, post_attempts)
     SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? ${WHILE_UNFINISHED}`,
  )
  const remove = database.prepare('DELETE FROM transfers WHERE upload_id = ? AND volume = ?')
  const removeAll = database.prepare('DELETE FROM transfers WHERE upload_id = ?')
  const findParts = database.prepare(
    'SELECT bitmap FROM acknowledged_parts WHERE upload_id = ? AND volume = ?',
  )
  const saveParts = database.prepare(
    `INSERT OR REPLACE INTO acknowledged_parts (upload_id, volume, bitmap)
     SELECT ?, ?, ? ${WHILE_UNFINISHED}`,
  )
  const removeParts = database.prepare(
    'DELETE FROM acknowledged_parts WHERE upload_id = ? AND volume = ?',
  )
  const removeAllParts = database.prepare('DELETE FROM acknowledged_parts WHERE upload_id = ?')

  return {
    transfer: (uploadId, volume = ONLY) => {
      const row = find.get(uploadId, volume)
      return row ? toTransfer(row) : null
    },
    saveTransfer: (uploadId, state, volume = ONLY) =>
      void save.run(uploadId, volume, ...fromTransfer(state), uploadId),
    deleteTransfer: (uploadId, volume = ONLY) =>
      database.transaction(() => {
        remove.run(uploadId, volume)
        removeParts.run(uploadId, volume)
      }),
    deleteTransfers: (uploadId) =>
      database.transaction(() => {
        removeAll.run(uploadId)
        removeAllParts.run(uploadId)
      }),
    acknowledgedParts: (uploadId, volume = ONLY) => {
      const row = findParts.get(uploadId, volume)
      return row ? new Uint8Array(blob(row, 'bitmap')) : new Uint8Array()
    },
    saveAcknowledgedParts: (uploadId, bitmap, volume = ONLY) =>
      void saveParts.run(uploadId, volume, bitmap, uploadId),
  }
}
