import type { ServerResponse } from 'node:http'

export interface StalledReaderWatch {
  /**
   * Milliseconds for which the reader has taken nothing; 0 while it reads or there is nothing to
   * read.
   */
  stalledMs: () => number
  /** Bytes that it takes in a second, on average; null in its first seconds. */
  bytesPerSecond: () => number | null
}

export interface StalledReaderOptions {
  /** A reader that takes nothing for so long is stalled; noticed after twice the time at most. */
  idleMs: number
  /** How long a connection has to reach its speed before the speed counts. */
  warmUpMs?: number | undefined
  /** Called each time the reader is found stalled. */
  onStalled: () => void
}

const WARM_UP_MS = 5_000

/**
 * Watches how an answer is read, by Node's socket timeout, because only the socket sees that the
 * kernel takes a part of a pending write. The timeout counts from the last write, so it may come an
 * interval late.
 */
export function watchStalledReader(
  response: ServerResponse,
  { idleMs, warmUpMs = WARM_UP_MS, onStalled }: StalledReaderOptions,
): StalledReaderWatch {
  const start = { at: performance.now(), bytes: bytesWritten() }
  let stalledSince: number | null = null
  let lastCheck = { at: Number.NEGATIVE_INFINITY, bytes: 0 }

  function bytesWritten(): number {
    return response.socket?.bytesWritten ?? 0
  }

  /** Whether the last check still holds: it is not repeated while the reader reads. */
  function isFresh(now: number): boolean {
    return now - lastCheck.at < 1.5 * idleMs && lastCheck.bytes === bytesWritten()
  }

  response.setTimeout(idleMs, () => {
    const now = performance.now()
    if (response.writableLength === 0) stalledSince = null
    else if (stalledSince === null || !isFresh(now)) stalledSince = now - idleMs
    lastCheck = { at: now, bytes: bytesWritten() }
    response.socket?.setTimeout(idleMs)
    if (stalledSince !== null) onStalled()
  })

  return {
    stalledMs: () => {
      const now = performance.now()
      return stalledSince !== null && isFresh(now) ? now - stalledSince : 0
    },
    bytesPerSecond: () => {
      const elapsedMs = performance.now() - start.at
      if (elapsedMs < warmUpMs) return null
      return ((bytesWritten() - start.bytes) * 1_000) / elapsedMs
    },
  }
}
