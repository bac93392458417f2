import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { spoolFailed, spoolFull } from '../disk/disk-error.ts'

export type Row = Record<string, SQLOutputValue>

export interface Statement {
  run: (...values: SQLInputValue[]) => number
  get: (...values: SQLInputValue[]) => Row | undefined
  all: (...values: SQLInputValue[]) => Row[]
}

/** A database whose failures are AppErrors where a caller can do something about them. */
export interface LedgerDatabase {
  prepare: (sql: string) => Statement
  exec: (sql: string) => void
  /** Runs `work` in one transaction: all of it is kept, or nothing when it throws. */
  transaction: <T>(work: () => T) => T
  close: () => void
}

export interface WriteWatch {
  /**
   * Says that the disk hangs. A write would then hang the whole process with it, so it is refused
   * with SPOOL_FAILED; reads go on, because what they need is in memory.
   */
  stalled?: (() => boolean) | undefined
  /** Called with each write that is a transaction of its own, and with each transaction. */
  onWrite?: () => void
}

export function wrapDatabase(database: DatabaseSync, watch: WriteWatch = {}): LedgerDatabase {
  function assertMoving(): void {
    if (watch.stalled?.()) throw spoolFailed()
    if (!database.isTransaction) watch.onWrite?.()
  }

  return {
    exec: (sql) => {
      assertMoving()
      guard(() => database.exec(sql))
    },
    prepare: (sql) => {
      const statement = database.prepare(sql)
      return {
        run: (...values) => {
          assertMoving()
          return guard(() => Number(statement.run(...values).changes))
        },
        get: (...values) => guard(() => statement.get(...values)),
        all: (...values) => guard(() => statement.all(...values)),
      }
    },
    transaction: (work) =>
      guard(() => {
        assertMoving()
        database.exec('BEGIN IMMEDIATE')
        try {
          const result = work()
          database.exec('COMMIT')
          return result
        } catch (error) {
          // A full disk has rolled back already.
          if (database.isTransaction) database.exec('ROLLBACK')
          throw error
        }
      }),
    close: () => database.close(),
  }
}

// Primary result codes of SQLite, https://sqlite.org/rescode.html
const SQLITE_BUSY = 5
const SQLITE_READONLY = 8
const SQLITE_IOERR = 10
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

const UNUSABLE = new Set([SQLITE_BUSY, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN])
const DAMAGED = new Set([SQLITE_CORRUPT, SQLITE_NOTADB])

/** SQLite's primary result code of a failure, or null when it is none of SQLite's. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null
}

/** Whether the file turned out not to be a whole database. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && DAMAGED.has(code)
}

function guard<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    const code = sqliteCode(error)
    if (code === SQLITE_FULL) throw spoolFull(error)
    if (code !== null && UNUSABLE.has(code)) throw spoolFailed(error)
    throw error
  }
}
