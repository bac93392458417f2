import type { ServerResponse } from 'node:http'

export interface StalledReaderWatch {
  /** Milliseconds for which the reader has taken nothing; 0 while it reads, or nothing is there. */
  standingMs: () => number
  /** Bytes it has taken in a second, on average; null in its first seconds. */
  bytesPerSecond: () => number | null
}

export interface StalledReaderOptions {
  /** A reader that takes nothing for so long stands still; noticed after twice the time at most. */
  idleMs: number
  /** How long a connection has to get to its speed before the speed counts. */
  judgedAfterMs?: number | undefined
  /** Called each time it is found standing still. */
  onStanding: () => void
}

const JUDGED_AFTER_MS = 5_000

/**
 * Watches how an answer is read, by Node's socket timeout: it alone sees that the kernel takes some
 * of a write that is not done. It is measured from the last write, and so may come an interval late.
 */
export function watchStalledReader(
  response: ServerResponse,
  { idleMs, judgedAfterMs = JUDGED_AFTER_MS, onStanding }: StalledReaderOptions,
): StalledReaderWatch {
  const start = { at: performance.now(), bytes: bytesWritten() }
  let standingSince: number | null = null
  let lastLook = { at: Number.NEGATIVE_INFINITY, bytes: 0 }

  function bytesWritten(): number {
    return response.socket?.bytesWritten ?? 0
  }

  /** Whether the last look still holds: a reader that goes on is not looked at. */
  function isFresh(now: number): boolean {
    return now - lastLook.at < 1.5 * idleMs && lastLook.bytes === bytesWritten()
  }

  response.setTimeout(idleMs, () => {
    const now = performance.now()
    if (response.writableLength === 0) standingSince = null
    else if (standingSince === null || !isFresh(now)) standingSince = now - idleMs
    lastLook = { at: now, bytes: bytesWritten() }
    response.socket?.setTimeout(idleMs)
    if (standingSince !== null) onStanding()
  })

  return {
    standingMs: () => {
      const now = performance.now()
      return standingSince !== null && isFresh(now) ? now - standingSince : 0
    },
    bytesPerSecond: () => {
      const elapsedMs = performance.now() - start.at
      if (elapsedMs < judgedAfterMs) return null
      return ((bytesWritten() - start.bytes) * 1_000) / elapsedMs
    },
  }
}
