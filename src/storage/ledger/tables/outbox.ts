import type { Ledger } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { Synchronous } from '../synchronous.ts'
import { integerOrNull, toWebhook } from './rows.ts'

export type OutboxRecords = Pick<
  Synchronous<Ledger>,
  'dueWebhooks' | 'releaseWebhook' | 'nextWebhookAt' | 'postponeWebhook' | 'deleteWebhook'
>

export function createOutboxRecords(database: LedgerDatabase): OutboxRecords {
  const due = database.prepare(
    'SELECT * FROM outbox WHERE due_at <= ? ORDER BY created_at, rowid LIMIT ?',
  )
  const next = database.prepare('SELECT min(due_at) AS due_at FROM outbox')
  const postpone = database.prepare(
    'UPDATE outbox SET due_at = ?, attempts = attempts + 1 WHERE id = ?',
  )
  const release = database.prepare('UPDATE outbox SET due_at = ? WHERE id = ?')
  const remove = database.prepare('DELETE FROM outbox WHERE id = ?')

  return {
    // One process sends them all: none has to be kept from another.
    dueWebhooks: (now, limit) => due.all(now, limit).map(toWebhook),
    releaseWebhook: (id, now) => void release.run(now, id),
    nextWebhookAt: () => {
      const row = next.get()
      return row ? integerOrNull(row, 'due_at') : null
    },
    postponeWebhook: (id, dueAt) => void postpone.run(dueAt, id),
    deleteWebhook: (id) => void remove.run(id),
  }
}
