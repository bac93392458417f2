import type { Ledger } from '../../../core/ports/ledger.ts'
import { integerOrNull, toWebhook } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

export type OutboxRecords = Pick<
  Ledger,
  'dueWebhooks' | 'nextWebhookAt' | 'postponeWebhook' | 'deleteWebhook'
>

export function createOutboxRecords(database: PostgresDatabase): OutboxRecords {
  return {
    dueWebhooks: async (now, limit) => {
      const rows = await database.all(
        'SELECT * FROM outbox WHERE due_at <= $1 ORDER BY created_at, number LIMIT $2',
        [now, limit],
      )
      return rows.map(toWebhook)
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
