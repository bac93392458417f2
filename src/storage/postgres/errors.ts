import pg from 'pg'
import { AppError } from '../../errors.ts'
import { spoolFull } from '../disk/disk-error.ts'

/** The connection ended before an answer came: it is not known whether the work was done. */
export class LostConnectionError extends Error {
  /** The server's process that may still be at work on it; null: there is none. */
  readonly processId: number | null
  constructor(cause: unknown, processId: number | null = null) {
    super('the connection to the database was lost', { cause })
    this.processId = processId
  }
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const DISK_FULL = '53100'
/** The server ends or refuses connections: it restarts, is ended, or has too many. */
const GOING_AWAY = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '53300'])
const CONNECTION_CLASS = '08'
/** Serialization failure and deadlock: of two transactions one was given up, and may run again. */
const GIVEN_UP = new Set(['40001', '40P01'])
/**
 * Not let in, out of resources, stopped by an operator or by time, locked, or read-only: what was
 * asked is all right and not possible now.
 */
const UNAVAILABLE = /^(?:28|3D|40|53|57|58|55P03$|25006$)/
/** A character that its text cannot have: the null character, or half of a surrogate pair. */
const NO_TEXT = new Set(['22021', '22P05'])

function codeOf(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null
}

/** Whether the connection is gone, and with it the answer. */
export function isLost(error: unknown): boolean {
  if (error instanceof LostConnectionError) return true
  const code = codeOf(error)
  return code !== null && (GOING_AWAY.has(code) || code.startsWith(CONNECTION_CLASS))
}

/** Whether nothing was done, and the same may succeed at once. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error)
  return code !== null && GIVEN_UP.has(code)
}

/** Whether a transaction was asked for whose id has not been given out yet. */
export function isUnknownTransaction(error: unknown): boolean {
  return codeOf(error) === '22023'
}

/** What a caller of the ledger gets. A cause has no words of the database, which quotes rows. */
export function toLedgerError(error: unknown): unknown {
  if (isLost(error)) return databaseFailed(error instanceof LostConnectionError ? error : undefined)
  const code = codeOf(error)
  if (code === null) return error
  const cause = new Error(`the database answered ${code}`)
  if (code === DISK_FULL) return spoolFull(cause)
  if (UNAVAILABLE.test(code)) return databaseFailed(cause)
  if (NO_TEXT.has(code)) {
    return new AppError('INVALID_REQUEST', 'A text has a character that cannot be kept', { cause })
  }
  return error
}

export function databaseFailed(cause?: unknown): AppError {
  return new AppError('SPOOL_FAILED', 'The database cannot be used right now', {
    cause,
    retryAfter: 5,
  })
}
