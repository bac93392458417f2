import type { ClockRecords, Forgiven } from '../../../core/ports/ledger.ts'
import { integer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

const NOTHING: Forgiven = { receiving: 0, finished: 0 }

export function createClockRecords(database: PostgresDatabase): ClockRecords {
  return {
    lastReading: async () => {
      const row = await database.get('SELECT worker_time, wall_time FROM clock')
      if (!row) return null
      return { workerTime: integer(row, 'worker_time'), wallTime: integer(row, 'wall_time') }
    },
    keepReading: async ({ workerTime, wallTime }, { receiving, finished } = NOTHING) =>
      database.transaction(async (queries) => {
        if (receiving > 0) {
          await queries.run(
            `UPDATE uploads SET touched_at = touched_at + $1, created_at = created_at + $1
             WHERE state = 'receiving'`,
            [receiving],
          )
        }
        if (finished > 0) {
          await queries.run(
            `UPDATE uploads SET finished_at = finished_at + $1
             WHERE state IN ('completed', 'failed')`,
            [finished],
          )
        }
        await queries.run(
          `INSERT INTO clock (id, worker_time, wall_time) VALUES (1, $1, $2)
           ON CONFLICT (id) DO UPDATE SET worker_time = $1, wall_time = $2`,
          [workerTime, wallTime],
        )
      }),
  }
}
