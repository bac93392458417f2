import { mkdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Log } from '../../core/ports/log.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import { makePrivateFile } from './private-files.ts'

const POLL_MS = 200
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** Keeps held locks from the garbage collector, which would close and so release them. */
const held = new Set<DatabaseSync>()

export interface LockOptions {
  signal: AbortSignal
  log: Log
}

/**
 * Waits until no other process uses the data directory, then keeps it for this one. Resolves with
 * the function that gives it back; the death of the process gives it back as well, because the
 * system holds the lock, not a file's presence. Rejects with the signal's reason, or the system's
 * error when the directory cannot be used.
 */
export async function lockDataDir(
  directory: string,
  { signal, log }: LockOptions,
): Promise<() => void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'lock.sqlite')
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const release = tryLock(path)
    if (release) return release
    if (attempt === 0) log.info({}, 'another process uses the data directory: waiting for it')
    await sleep(POLL_MS, signal)
  }
}

function tryLock(path: string): (() => void) | null {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Nothing is ever written: the open transaction is the lock.
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    const code = error instanceof Error && 'errcode' in error ? error.errcode : null
    if (code === SQLITE_BUSY) return null
    if (code !== SQLITE_NOTADB && code !== SQLITE_CORRUPT) throw error
    // No process can hold the lock by a file that is no database. Emptied in place, and not replaced:
    // two processes that repair it at once must still meet in one file.
    truncateSync(path)
    return tryLock(path)
  }
  makePrivateFile(path)
  held.add(database)
  return () => {
    if (held.delete(database)) database.close()
  }
}
