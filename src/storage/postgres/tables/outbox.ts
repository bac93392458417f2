import type { Ledger } from '../../../core/ports/ledger.ts'
import { integerOrNull, toWebhook } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

export type OutboxRecords = Pick<
  Ledger,
  'dueWebhooks' | 'releaseWebhook' | 'nextWebhookAt' | 'postponeWebhook' | 'deleteWebhook'
>

const DUE = 'SELECT * FROM outbox WHERE due_at <= $1 ORDER BY created_at, number LIMIT $2'

/**
 * Where its answer was lost and it is sent again, what it has claimed before is due again once the claim
 * has ended.
 */
const CLAIM = `
  WITH claimed AS (
    UPDATE outbox SET due_at = $3 WHERE id IN (${DUE.replace('*', 'id')} FOR UPDATE SKIP LOCKED)
    RETURNING *)
  SELECT * FROM claimed ORDER BY created_at, number`

export function createOutboxRecords(database: PostgresDatabase): OutboxRecords {
  return {
    dueWebhooks: async (now, limit, until) => {
      const rows = await (until === undefined
        ? database.all(DUE, [now, limit])
        : database.all(CLAIM, [now, limit, until]))
      return rows.map(toWebhook)
    },
    releaseWebhook: async (id, now) => {
      await database.run('UPDATE outbox SET due_at = $1 WHERE id = $2', [now, id])
    },
    nextWebhookAt: async () => {
      const row = await database.get('SELECT min(due_at) AS due_at FROM outbox')
      return row ? integerOrNull(row, 'due_at') : null
    },
    postponeWebhook: async (id, dueAt) => {
      // Once, also where the statement runs twice.
      const sql = `UPDATE outbox SET due_at = $1, attempts = attempts + 1
        WHERE id = $2 AND due_at <> $1`
      await database.run(sql, [dueAt, id])
    },
    deleteWebhook: async (id) => {
      await database.run('DELETE FROM outbox WHERE id = $1', [id])
    },
  }
}
