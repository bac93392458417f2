import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

/** Bytes of memory this process may use: the container's limit, else what the machine has. */
export function containerMemoryBytes(): number {
  // Without a limit the kernel reports none, or a number no machine has.
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}

let lastResidentBytes = 0

/**
 * Resident set of this process in bytes. The last reading where there is none: the system is asked
 * by a file, and a process that has as many open as it may would otherwise die of the question.
 */
export function residentBytes(): number {
  try {
    lastResidentBytes = process.memoryUsage.rss()
  } catch {
    // A request that opens a file fails for the same reason, and says so.
  }
  return lastResidentBytes
}

/**
 * How many files and sockets this process may have open at one time; Infinity where the system does
 * not say. Node raises the soft limit to the hard one when it starts.
 */
export function maxOpenFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const [, count] = /^Max open files +(\d+)/m.exec(limits) ?? []
    return count === undefined ? Number.POSITIVE_INFINITY : Number(count)
  } catch {
    // Not Linux.
    return Number.POSITIVE_INFINITY
  }
}
