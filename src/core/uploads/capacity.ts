import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import type { Ledger, SpoolRoom } from '../ports/ledger.ts'
import type { DiskSpace, Spool } from '../ports/spool.ts'

/**
 * Promised to no upload: bytes are taken before anyone knows whose they are, and those that turn
 * out to be nobody's must not have cost another upload its place. Of a small disk an 8th.
 */
const CREDIT_BYTES = 128 * MiB
/** How long the sum of all promises is good for where a little too much does no harm. */
const FRESH_MS = 1_000

export interface CapacityOptions {
  ledger: Pick<Ledger, 'reservations'>
  spool: Pick<Spool, 'space'>
  /** What the operator allows for all unfinished uploads. */
  spoolMaxBytes: number
}

/** What the spool holds, and what is promised of it. An opened upload finds its room until its time is over. */
export interface Capacity {
  /** What may be promised now: `Ledger.openUpload` goes by it, and makes the promise. */
  room: (presentBytes: number) => Promise<SpoolRoom>
  /** Whether `size` bytes could be promised at this moment; the next one may take them. */
  hasRoom: (size: number) => Promise<boolean>
  /** How many bytes may be taken on credit. */
  unclaimedBytes: () => Promise<number>
  /** What unfinished uploads were promised, and what may be promised in all. */
  promised: () => Promise<{ reservedBytes: number; limitBytes: number }>
  /** What the disk has, promised or not, beside what is on its way to it. */
  freeBytes: () => Promise<number>
}

export function createCapacity({ ledger, spool, spoolMaxBytes }: CapacityOptions): Capacity {
  let promised = 0
  let summedAt = Number.NEGATIVE_INFINITY

  async function recentlyPromised(): Promise<number> {
    if (performance.now() - summedAt > FRESH_MS) {
      summedAt = performance.now()
      promised = (await ledger.reservations()).unwrittenBytes
    }
    return promised
  }

  async function room(presentBytes: number): Promise<SpoolRoom> {
    const space = await spool.space()
    const freeBytes = space.freeBytes - shareOf(space)
    return { limitBytes: spoolMaxBytes, freeBytes, presentBytes }
  }

  return {
    room,
    hasRoom: async (size) => {
      const { limitBytes, freeBytes } = await room(0)
      const { reservedBytes, unwrittenBytes } = await ledger.reservations()
      return reservedBytes + size <= limitBytes && unwrittenBytes + size <= freeBytes
    },
    unclaimedBytes: async () => {
      const space = await spool.space()
      return Math.max(shareOf(space), space.freeBytes - (await recentlyPromised()))
    },
    promised: async () => {
      const { reservedBytes } = await ledger.reservations()
      return { reservedBytes, limitBytes: spoolMaxBytes }
    },
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
