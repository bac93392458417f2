import { createSemaphore } from '../../lib/concurrency/semaphore.ts'
import { KiB, MiB } from '../../lib/units.ts'

const MAX_WAITING_BYTES = 16 * MiB
const MAX_GATHERED_BYTES = 16 * MiB
const MAX_BATCH_BYTES = 512 * KiB
const MIN_BATCH_BYTES = 64 * KiB
const BYTES_PER_TURN = 2 * MiB

/**
 * Shares the disk and the event loop between all chunks that are being received. Large gathered
 * writes are what makes one upload fast, and what lets fifty of them starve every small request.
 */
export interface WriteThrottle {
  /** Counts one more receiver, until the returned function is called. */
  join: () => () => void
  /** How many bytes a receiver may gather before it writes them. */
  batchBytes: () => number
  /** Waits until `bytes` more may wait for the disk; the returned function gives them back. */
  admit: (bytes: number, signal: AbortSignal) => Promise<() => void>
  /** True when this turn of the event loop has taken its share: `nextTurn` is due first. */
  takeTurn: (bytes: number) => boolean
  nextTurn: () => Promise<void>
}

export function createWriteThrottle(): WriteThrottle {
  const waiting = createSemaphore(MAX_WAITING_BYTES)
  let receivers = 0
  let left = BYTES_PER_TURN
  let turn: Promise<void> | null = null

  function nextTurn(): Promise<void> {
    turn ??= new Promise((resolve) =>
      setImmediate(() => {
        turn = null
        left = BYTES_PER_TURN
        resolve()
      }),
    )
    return turn
  }

  return {
    join: () => {
      receivers++
      return () => void receivers--
    },
    batchBytes: () =>
      Math.max(MIN_BATCH_BYTES, Math.min(MAX_BATCH_BYTES, MAX_GATHERED_BYTES / receivers)),
    admit: (bytes, signal) => waiting.acquire(bytes, signal),
    takeTurn: (bytes) => {
      if (left <= 0) return true
      left -= bytes
      void nextTurn()
      return false
    },
    nextTurn,
  }
}
