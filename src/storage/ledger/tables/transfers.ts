import type { Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, fromTransfer, toTransfer } from './rows.ts'

export type TransferRecords = Pick<
  Synchronous<Ledger>,
  'transfer' | 'saveTransfer' | 'deleteTransfer' | 'acknowledgedParts' | 'saveAcknowledgedParts'
>

// A late flush of a transfer must not bring back what the end of its upload has erased.
const WHILE_UNFINISHED = `WHERE EXISTS
  (SELECT 1 FROM uploads WHERE id = ? AND state IN ('receiving', 'sealed'))`

export function createTransferRecords(database: LedgerDatabase): TransferRecords {
  const find = database.prepare('SELECT * FROM transfers WHERE upload_id = ?')
  const save = database.prepare(
    `INSERT OR REPLACE INTO transfers (upload_id, road, parts_holder, file_id, started_at, document,
       random_id, newest_message_id, post_attempts)
     SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? ${WHILE_UNFINISHED}`,
  )
  const remove = database.prepare('DELETE FROM transfers WHERE upload_id = ?')
  const findParts = database.prepare('SELECT bitmap FROM acknowledged_parts WHERE upload_id = ?')
  const saveParts = database.prepare(
    `INSERT OR REPLACE INTO acknowledged_parts (upload_id, bitmap) SELECT ?, ? ${WHILE_UNFINISHED}`,
  )
  const removeParts = database.prepare('DELETE FROM acknowledged_parts WHERE upload_id = ?')

  return {
    transfer: (uploadId) => {
      const row = find.get(uploadId)
      return row ? toTransfer(row) : null
    },
    saveTransfer: (uploadId, state) => void save.run(uploadId, ...fromTransfer(state), uploadId),
    deleteTransfer: (uploadId) =>
      database.transaction(() => {
        remove.run(uploadId)
        removeParts.run(uploadId)
      }),
    acknowledgedParts: (uploadId) => {
      const row = findParts.get(uploadId)
      return row ? new Uint8Array(blob(row, 'bitmap')) : new Uint8Array()
    },
    saveAcknowledgedParts: (uploadId, bitmap) => void saveParts.run(uploadId, bitmap, uploadId),
  }
}
