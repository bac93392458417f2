import type { LedgerDatabase } from './database.ts'
import { integer } from './tables/rows.ts'

/** One moment, by the worker's time and by the machine's clock, both epoch milliseconds. */
export interface ClockReading {
  workerTime: number
  wallTime: number
}

/** How much of an absence is not to count, in milliseconds. */
export interface Forgiven {
  receiving: number
  finished: number
}

export interface ClockRecords {
  /** The last reading that was kept, or null before the first. */
  lastReading: () => ClockReading | null
  keepReading: (reading: ClockReading) => void
  /** Makes unfinished and finished uploads younger, in one transaction. */
  forgive: (forgiven: Forgiven) => void
}

export function createClockRecords(database: LedgerDatabase): ClockRecords {
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
    keepReading: ({ workerTime, wallTime }) => void keep.run(workerTime, wallTime),
    forgive: ({ receiving, finished }) =>
      database.transaction(() => {
        if (receiving > 0) touch.run(receiving)
        if (finished > 0) finish.run(finished)
      }),
  }
}
