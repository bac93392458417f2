import { AppError } from '../errors.ts'
import { MiB } from '../lib/units.ts'
import type { Ledger } from './ports/ledger.ts'
import type { DiskSpace, Spool } from './ports/spool.ts'

/**
 * Promised to no upload: bytes are taken before anyone knows whose they are, and those that turn
 * out to be nobody's must not have cost another upload its place. Of a small disk an 8th.
 */
const CREDIT_BYTES = 128 * MiB
/** How long the sum of all promises is good for where a little too much does no harm. */
const FRESH_MS = 1_000

export interface RoomOptions {
  ledger: Pick<Ledger, 'reservedBytes' | 'unwrittenBytes'>
  spool: Pick<Spool, 'space'>
  /** What the operator allows for all unfinished uploads. */
  spoolMaxBytes: number
}

/** Who was promised which room. An upload that was opened finds its room until it ends. */
export interface Room {
  /**
   * Looks at the disk; the function it resolves with throws SPOOL_FULL when `size` bytes more,
   * of which `present` are on the disk already, cannot be promised. Synchronous, so that between
   * its answer and the row that makes the promise nobody else gets one.
   */
  look: () => Promise<(size: number, present: number) => void>
  /** How many bytes may be taken on credit. */
  creditBytes: () => Promise<number>
}

export function createRoom({ ledger, spool, spoolMaxBytes }: RoomOptions): Room {
  let promised = 0
  let summedAt = Number.NEGATIVE_INFINITY

  function recentlyPromised(): number {
    if (performance.now() - summedAt > FRESH_MS) {
      promised = ledger.unwrittenBytes()
      summedAt = performance.now()
    }
    return promised
  }

  return {
    look: async () => {
      const space = await spool.space()
      return (size, present) => {
        const free = space.freeBytes - ledger.unwrittenBytes() - shareOf(space)
        const fits = ledger.reservedBytes() + size <= spoolMaxBytes && size - present <= free
        if (!fits) throw noRoom()
      }
    },
    creditBytes: async () => {
      const space = await spool.space()
      return Math.max(shareOf(space), space.freeBytes - recentlyPromised())
    },
  }
}

function shareOf({ totalBytes }: DiskSpace): number {
  return Math.min(CREDIT_BYTES, totalBytes / 8)
}

function noRoom(): AppError {
  const sentence = 'The worker has no room for this file now; try again later'
  return new AppError('SPOOL_FULL', sentence, { retryAfter: 60 })
}
