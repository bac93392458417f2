/** What all clients saw. */
export interface Counts {
  uploadsCompleted: number
  uploadsAbandoned: number
  chunks: number
  bytesSent: number
  bytesRead: number
  downloads: number
  /** Refusals that said when to come again, by status. */
  refused: Record<string, number>
  /** Anything else, by what it said. */
  failures: Record<string, number>
  polls: number
  /** Milliseconds. */
  pollP50: number
  pollP99: number
  pollMax: number
}

export interface Tally {
  chunk: (bytes: number) => void
  read: () => Counts
  bytesRead: (bytes: number) => void
  completed: (what: 'upload' | 'download') => void
  abandoned: () => void
  refused: (status: number) => void
  failed: (what: string) => void
  polled: (milliseconds: number, status: number) => void
}

export function createTally(): Tally {
  const counts = { uploadsCompleted: 0, uploadsAbandoned: 0, chunks: 0, bytesSent: 0 }
  const more = { bytesRead: 0, downloads: 0 }
  const refused: Record<string, number> = {}
  const failures: Record<string, number> = {}
  const polls: number[] = []
  const count = (map: Record<string, number>, key: string): void => {
    map[key] = (map[key] ?? 0) + 1
  }

  return {
    chunk: (bytes) => {
      counts.chunks++
      counts.bytesSent += bytes
    },
    bytesRead: (bytes) => {
      more.bytesRead += bytes
    },
    completed: (what) => {
      if (what === 'upload') counts.uploadsCompleted++
      else more.downloads++
    },
    abandoned: () => {
      counts.uploadsAbandoned++
    },
    refused: (status) => count(refused, String(status)),
    failed: (what) => count(failures, what.slice(0, 120)),
    polled: (milliseconds, status) => {
      polls.push(milliseconds)
      // 404: the first chunk has not opened the upload yet.
      if (status !== 200 && status !== 404) count(failures, `poll answered ${status}`)
    },
    read: () => {
      const sorted = polls.toSorted((a, b) => a - b)
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
      return {
        ...counts,
        ...more,
        refused,
        failures,
        polls: sorted.length,
        pollP50: at(0.5),
        pollP99: at(0.99),
        pollMax: sorted.at(-1) ?? 0,
      }
    },
  }
}
