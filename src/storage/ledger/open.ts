import { copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Log } from '../../core/ports/log.ts'
import { systemCode } from '../disk/disk-error.ts'
import { makePrivateFile } from '../disk/private-files.ts'
import { isDamage } from './database.ts'
import {
  type FoundFiles,
  inspectFiles,
  inspectPages,
  inspectRows,
  UnfitFileError,
} from './inspect.ts'
import { migrate } from './tables/schema.ts'

const BUSY_TIMEOUT_MS = 5_000
/**
 * What SQLite reads of a log up to its bad place, like the database without its log, is a moment
 * that was true, as after a loss of power.
 */
const LOST_WRITES = {
  torn: "the end of the ledger's log could not be read: what was written last is lost. A copy of it was kept aside",
  unreadable:
    "the ledger's log could not be read: what was written since it was begun is lost. A copy of it was kept aside",
} as const
const NOTHING_FOUND: FoundFiles = { exists: false, badLog: null }

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
  if (path === ':memory:') return prepareDatabase(path, fsync, NOTHING_FOUND)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    const found = inspectFiles(path)
    if (found.badLog) keepCopy(found.badLog.path)
    const database = prepareDatabase(path, fsync, found)
    if (found.badLog) log.warn({}, LOST_WRITES[found.badLog.state])
    return database
  } catch (error) {
    if (!isDamage(error) && !(error instanceof UnfitFileError)) throw error
    moveAside(path)
    log.warn(
      { err: error },
      'the ledger was damaged: it was moved aside and a new one begun. Unfinished uploads must be added again',
    )
    return prepareDatabase(path, fsync, NOTHING_FOUND)
  }
}

function prepareDatabase(path: string, fsync: boolean, found: FoundFiles): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    // The files beside it get the mode of this one.
    if (path !== ':memory:') makePrivateFile(path)
    inspectPages(database, found)
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

function keepCopy(logPath: string): void {
  const aside = `${asideOf(logPath)}-wal`
  copyFileSync(logPath, aside)
  makePrivateFile(aside)
}

function asideOf(path: string): string {
  let aside = join(dirname(path), `ledger.damaged-${Date.now()}`)
  while (existsSync(aside) || existsSync(`${aside}-wal`)) aside += '0'
  return aside
}

function moveAside(path: string): void {
  const aside = asideOf(path)
  for (const suffix of ['', '-wal', '-shm']) {
    try {
      renameSync(path + suffix, aside + suffix)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}
