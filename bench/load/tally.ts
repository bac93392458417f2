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
}

export interface Tally {
  chunk: (bytes: number) => void
  read: () => Counts
  bytesRead: (bytes: number) => void
  completed: (what: 'upload' | 'download') => void
  abandoned: () => void
  refused: (status: number) => void
  failed: (what: string) => void
}

export function createTally(): Tally {
  const counts = { uploadsCompleted: 0, uploadsAbandoned: 0, chunks: 0, bytesSent: 0 }
  const more = { bytesRead: 0, downloads: 0 }
  const refused: Record<string, number> = {}
  const failures: Record<string, number> = {}
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
    read: () => ({ ...counts, ...more, refused, failures }),
  }
}
