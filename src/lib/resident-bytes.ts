let last = 0

/**
 * Resident set of this process in bytes. The last reading where there is none: the system is asked
 * by a file, and a process that has as many open as it may would otherwise die of the question.
 */
export function residentBytes(): number {
  try {
    last = process.memoryUsage.rss()
  } catch {
    // Whoever opens a file for a request hears of it, and says so.
  }
  return last
}
