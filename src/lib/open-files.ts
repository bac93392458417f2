import { readFileSync } from 'node:fs'

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
