import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import type { Log } from '../../core/ports/log.ts'

/** Rights of the owner's group, and of everybody. */
const OF_OTHERS = 0o077
/** A folder that many share (`/tmp`), or whose group was chosen on purpose. */
const SHARED = 0o3000
/** What stands in a data directory of ours, and what a file system puts into its own root. */
const OURS = /^(?:ledger\.|lock\.sqlite|doctor-|spool$|emulator$|lost\+found$)/

/**
 * Makes the data directory, or takes one that is the worker's alone back from others. One that has
 * other things in it is left as it is: what the worker puts there is private by itself.
 */
export function makePrivateFolder(directory: string, log: Log): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const before = modeOf(directory)
  if ((before & OF_OTHERS) === 0) return
  const isOurs = (before & SHARED) === 0 && readdirSync(directory).every((name) => OURS.test(name))
  if (isOurs && closed(directory, 0o700)) {
    log.warn({ mode: octal(before) }, 'DATA_DIR was open to other users: it is closed now')
  } else {
    log.warn({ mode: octal(before) }, 'DATA_DIR is open to other users: give the worker its own')
  }
}

/**
 * Takes a file back from others: says whether they could read or write it. A system that does not
 * let its mode be changed leaves it as it is.
 */
export function makePrivateFile(path: string): boolean {
  const wasOpen = (modeOf(path) & OF_OTHERS) !== 0
  if (wasOpen) closed(path, 0o600)
  return wasOpen
}

/** Whether the mode is that now; some file systems say yes and do nothing, others have none. */
function closed(path: string, mode: number): boolean {
  try {
    chmodSync(path, mode)
  } catch {
    return false
  }
  return (modeOf(path) & OF_OTHERS) === 0
}

/** Windows has no such rights, and makes them up. */
function modeOf(path: string): number {
  return process.platform === 'win32' ? 0 : statSync(path).mode & 0o7777
}

function octal(mode: number): string {
  return mode.toString(8)
}
