import { existsSync, readFileSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Row } from './database.ts'
import { checkLog, type LogState } from './log-check.ts'
import { toChunk, toTransfer, toUpload, toWebhook } from './tables/rows.ts'
import { APPLICATION_ID, SCHEMA_VERSION } from './tables/schema.ts'
import { toCleanup, toVolume } from './tables/volumes.ts'

const DIGEST_BYTES = 32

/** The file may be a database, but it is not a whole ledger. */
export class UnfitFileError extends Error {}

/** How the ledger's files were found. */
export interface FoundFiles {
  /** Whether there was a ledger before. */
  exists: boolean
  /** The log, when SQLite will pass over all of it or over its end, else null. */
  badLog: { path: string; state: Exclude<LogState, 'whole'> } | null
}

/**
 * SQLite begins anew in an empty file, and passes over a log that it cannot read, without a word.
 * Throws UnfitFileError where a ledger would so be lost as a whole.
 */
export function inspectFiles(path: string): FoundFiles {
  const log = `${path}-wal`
  const exists = existsSync(path)
  const hasLog = existsSync(log) && statSync(log).size > 0
  if (exists ? statSync(path).size === 0 : hasLog) throw new UnfitFileError('it was emptied')
  const state = hasLog ? checkLog(readFileSync(log)) : 'whole'
  return { exists, badLog: state === 'whole' ? null : { path: log, state } }
}

/**
 * Whether it is a ledger whose pages are whole, and the indexes of all but the files of libraries:
 * their rows are many, and can be read from the channel again. Throws UnfitFileError.
 */
export function inspectPages(database: DatabaseSync, { exists }: FoundFiles): void {
  const owner = Number(database.prepare('PRAGMA application_id').get()?.application_id)
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  if (owner !== APPLICATION_ID && tables > 0) throw new UnfitFileError('it is no ledger')
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  // A ledger has its tables before it is used for anything; of later versions nothing is known.
  if (exists && tables === 0 && version <= SCHEMA_VERSION)
    throw new UnfitFileError('it has lost its tables')
  const [first] = database.prepare('PRAGMA quick_check(1)').all()
  if (first?.quick_check !== 'ok') throw new UnfitFileError('it is not whole')
  const checked = database.prepare(
    `SELECT name FROM sqlite_schema
     WHERE type = 'table' AND name <> 'library_files' AND name NOT LIKE 'library_names%'`,
  )
  for (const { name } of checked.all()) {
    const [index] = database.prepare(`PRAGMA integrity_check(${name})`).all()
    if (index?.integrity_check !== 'ok') throw new UnfitFileError('it is not whole')
  }
}

const READERS: Record<string, (row: Row) => unknown> = {
  uploads: toUpload,
  chunks: (row) => toChunk(row).digest.length === 2 * DIGEST_BYTES || unfit('chunks'),
  transfers: toTransfer,
  volumes: toVolume,
  volume_cleanups: toCleanup,
  outbox: toWebhook,
}

/**
 * Reads every row once. Bytes that went bad inside a page leave it well formed, and a row that
 * cannot be read would stop start-up, or a job, for ever. Throws UnfitFileError.
 */
export function inspectRows(database: DatabaseSync): void {
  for (const [table, read] of Object.entries(READERS)) {
    try {
      for (const row of database.prepare(`SELECT * FROM ${table}`).iterate()) read(row)
    } catch (error) {
      // What SQLite itself says of the disk is no news of the row.
      if (error instanceof Error && 'errcode' in error) throw error
      unfit(table)
    }
  }
  const [orphan] = database.prepare('PRAGMA foreign_key_check').all()
  if (orphan) unfit(String(orphan.table))
}

function unfit(table: string): never {
  throw new UnfitFileError(`a row of ${table} cannot be read`)
}
