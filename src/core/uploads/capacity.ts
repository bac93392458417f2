import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { DiskSpace, Spool } from '../ports/spool.ts'

/**
 * Promised to no upload: bytes are taken before anyone knows whose they are, and those that turn
 * out to be nobody's must not have cost another upload its place. Of a small disk an 8th.
 */
const CREDIT_BYTES = 128 * MiB
/** How long the sum of all promises is good for where a little too much does no harm. */
const FRESH_MS = 1_000

export interface CapacityOptions {
  ledger: Pick<Ledger, 'reservedBytes' | 'unwrittenBytes'>
  spool: Pick<Spool, 'space'>
  /** What the operator allows for all unfinished uploads. */
  spoolMaxBytes: number
}

/** What the spool holds, and what is promised of it. An opened upload finds its room until its time is over. */
export interface Capacity {
  /**
   * Looks at the disk; the function it resolves with says how many bytes are lacking to promise
   * `size` more, of which `present` are on the disk already: 0 where they can be promised.
   * Synchronous, so that between its answer and the row that makes the promise nobody else gets one.
   */
  look: () => Promise<(size: number, present: number) => number>
  /** How many bytes may be taken on credit. */
  unclaimedBytes: () => Promise<number>
  /** What unfinished uploads were promised, and what may be promised in all. */
  promised: () => { reservedBytes: number; limitBytes: number }
  /** What the disk has, promised or not, beside what is on its way to it. */
  freeBytes: () => Promise<number>
}

export function createCapacity({ ledger, spool, spoolMaxBytes }: CapacityOptions): Capacity {
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
        const overLimit = ledger.reservedBytes() + size - spoolMaxBytes
        return Math.max(0, overLimit, size - present - free)
      }
    },
    unclaimedBytes: async () => {
      const space = await spool.space()
      return Math.max(shareOf(space), space.freeBytes - recentlyPromised())
    },
    promised: () => ({
      reservedBytes: ledger.reservedBytes(),
      limitBytes: spoolMaxBytes,
    }),
    freeBytes: async () => (await spool.space()).freeBytes,
  }
}

function shareOf({ totalBytes }: DiskSpace): number {
  return Math.min(CREDIT_BYTES, totalBytes / 8)
}

export function noCapacity(): AppError {
  const sentence = 'The worker has no room for this file now; try again later'
  return new AppError('SPOOL_FULL', sentence, { retryAfter: 60 })
}
