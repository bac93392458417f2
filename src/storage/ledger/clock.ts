import type { ClockRecords, Forgiven } from '../../core/ports/ledger.ts'
import type { LedgerDatabase } from './database.ts'
import type { Synchronous } from './synchronous.ts'
import { integer } from './tables/rows.ts'

const NOTHING: Forgiven = { receiving: 0, finished: 0 }

export function createClockRecords(database: LedgerDatabase): Synchronous<ClockRecords> {
  const find = database.prepare('SELECT worker_time, wall_time FROM clock')
  const keep = database.prepare(
    'INSERT OR REPLACE INTO clock (id, worker_time, wall_time) VALUES (1, ?, ?)',
  )
  const touch = database.prepare(
    `UPDATE uploads SET touched_at = touched_at + ?1, created_at = created_at + ?1
     WHERE state = 'receiving'`,
  )
  const finish = database.prepare(
    `UPDATE uploads SET finished_at = finished_at + ? WHERE state IN ('completed', 'failed')`,
  )

  return {
    lastReading: () => {
      const row = find.get()
      if (!row) return null
      return { workerTime: integer(row, 'worker_time'), wallTime: integer(row, 'wall_time') }
    },
    keepReading: ({ workerTime, wallTime }, { receiving, finished } = NOTHING) =>
      database.transaction(() => {
        if (receiving > 0) touch.run(receiving)
        if (finished > 0) finish.run(finished)
        keep.run(workerTime, wallTime)
      }),
  }
}
