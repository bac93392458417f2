import { randomUUID } from 'node:crypto'
import type { Ledger } from '../../core/ports/ledger.ts'
import type { LedgerDatabase } from './database.ts'

export type EndingRecords = Pick<Ledger, 'completeUpload' | 'failUpload'>

/** How uploads end: once. Ending one that has ended changes nothing. */
export function createEndingRecords(database: LedgerDatabase): EndingRecords {
  const complete = database.prepare(
    `UPDATE uploads SET state = 'completed', message_id = ?, file_id = ?, finished_at = ?,
       touched_at = ?, token = NULL
     WHERE id = ? AND state IN ('receiving', 'sealed')`,
  )
  const fail = database.prepare(
    `UPDATE uploads SET state = 'failed', reason = ?, finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ? AND state IN ('receiving', 'sealed')`,
  )
  const addWebhook = database.prepare(
    `INSERT INTO outbox (id, upload_id, payload, attempts, due_at, created_at)
     VALUES (?, ?, ?, 0, ?, ?)`,
  )
  const forgetTransfer = database.prepare('DELETE FROM transfers WHERE upload_id = ?')
  const forgetParts = database.prepare('DELETE FROM acknowledged_parts WHERE upload_id = ?')
  const forgetChunks = database.prepare('DELETE FROM chunks WHERE upload_id = ?')

  return {
    completeUpload: (id, result, webhook, now) =>
      database.transaction(() => {
        if (complete.run(result.messageId, result.fileId, now, now, id) === 0) return
        forgetTransfer.run(id)
        forgetParts.run(id)
        if (webhook) addWebhook.run(randomUUID(), id, JSON.stringify(webhook), now, now)
      }),
    failUpload: (id, reason, now) =>
      database.transaction(() => {
        if (fail.run(reason, now, now, id) === 0) return
        forgetTransfer.run(id)
        forgetParts.run(id)
        forgetChunks.run(id)
      }),
  }
}
