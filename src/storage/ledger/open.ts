import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Log } from '../../core/log.ts'
import { systemCode } from '../disk-error.ts'
import { isDamage } from './database.ts'
import { inspectPages, inspectRows, inspectSizes, UnfitFileError } from './inspect.ts'
import { migrate } from './schema.ts'

const BUSY_TIMEOUT_MS = 5_000

export interface OpenOptions {
  path: string
  fsync: boolean
  log: Log
}

/**
 * Opens the file as a ledger, or begins one. A file that is damaged, or somebody else's, is moved
 * aside, never repaired and never deleted: half a truth about acknowledged bytes is a lie.
 */
export function openDatabase({ path, fsync, log }: OpenOptions): DatabaseSync {
  if (path === ':memory:') return prepareDatabase(path, fsync)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    return prepareDatabase(path, fsync)
  } catch (error) {
    if (!isDamage(error) && !(error instanceof UnfitFileError)) throw error
    moveAside(path)
    log.warn(
      { err: error },
      'the ledger was damaged: it was moved aside and a new one begun. Unfinished uploads must be added again',
    )
    return prepareDatabase(path, fsync)
  }
}

function prepareDatabase(path: string, fsync: boolean): DatabaseSync {
  inspectSizes(path)
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    inspectPages(database)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${fsync ? 'FULL' : 'NORMAL'}`)
    // Erased tokens are overwritten, not only unlinked.
    database.exec('PRAGMA secure_delete = ON')
    database.exec('PRAGMA journal_size_limit = 0')
    // In pages. Only where the thread that does it sooner cannot.
    database.exec('PRAGMA wal_autocheckpoint = 3000')
    migrate(database)
    inspectRows(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function moveAside(path: string): void {
  let aside = join(dirname(path), `ledger.damaged-${Date.now()}`)
  while (existsSync(aside)) aside += '0'
  for (const suffix of ['', '-wal', '-shm']) {
    try {
      renameSync(path + suffix, aside + suffix)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}
