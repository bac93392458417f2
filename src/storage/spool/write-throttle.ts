import { createSemaphore } from '../../lib/concurrency/semaphore.ts'
import { KiB, MiB } from '../../lib/units.ts'

const MAX_WAITING_BYTES = 16 * MiB
const MAX_GATHERED_BYTES = 16 * MiB
const MAX_BATCH_BYTES = 512 * KiB
const MIN_BATCH_BYTES = 64 * KiB

/**
 * Shares the disk and the memory before it between all chunks that are being received. Large
 * gathered writes are what makes one upload fast, and what lets fifty of them starve every small
 * request. The turns of the event loop are shared where the bytes come in (`http/server.ts`).
 */
export interface WriteThrottle {
  /** Counts one more receiver, until the returned function is called. */
  join: () => () => void
  /** How many bytes a receiver may gather before it writes them. */
  batchBytes: () => number
  /** Waits until `bytes` more may wait for the disk; the returned function gives them back. */
  acquire: (bytes: number, signal: AbortSignal) => Promise<() => void>
}

export function createWriteThrottle(): WriteThrottle {
  const waiting = createSemaphore(MAX_WAITING_BYTES)
  let receivers = 0

  return {
    join: () => {
      receivers++
      return () => void receivers--
    },
    batchBytes: () =>
      Math.max(MIN_BATCH_BYTES, Math.min(MAX_BATCH_BYTES, MAX_GATHERED_BYTES / receivers)),
    acquire: (bytes, signal) => waiting.acquire(bytes, signal),
  }
}
