import { MiB } from '../../lib/units.ts'
import type { Ledger, Reservations, SpoolCapacity } from '../ports/ledger.ts'
import type { DiskSpace, Spool } from '../ports/spool.ts'

/**
 * Reserved for no upload. Bytes are written before their token is checked, and bytes that are then
 * refused must not have cost another upload its space. Of a small disk an 8th.
 */
const UNCLAIMED_BYTES = 128 * MiB
/** How long the sum of all reservations is good for where a little too much does no harm. */
const FRESH_MS = 1_000

export interface CapacityOptions {
  ledger: Pick<Ledger, 'reservations'>
  spool: Pick<Spool, 'space' | 'incomingSpace'>
  /** What the operator allows for all unfinished uploads together. */
  spoolMaxBytes: number
}

/** What the spool can hold and what of it is reserved. An upload keeps its space until it expires. */
export interface Capacity {
  /** What may be reserved now: `Ledger.openUpload` goes by it, and reserves it. */
  available: (presentBytes: number) => Promise<SpoolCapacity>
  /** Whether `size` bytes could be reserved at this moment; another upload may be faster. */
  fits: (size: number) => Promise<boolean>
  /** How many bytes may be written before it is known to which upload they belong. */
  unclaimedBytes: () => Promise<number>
  /** How many bytes uploads could have on the disk if there were no others. */
  totalBytes: () => Promise<number>
  /** What unfinished uploads had reserved within the last second, and what may be reserved in all. */
  promised: () => Promise<{ reservedBytes: number; limitBytes: number }>
  /** What the disk has, reserved or not, beside what is being written at this moment. */
  freeBytes: () => Promise<number>
}

export function createCapacity({ ledger, spool, spoolMaxBytes }: CapacityOptions): Capacity {
  let summing: Promise<Reservations> | null = null
  let summedAt = Number.NEGATIVE_INFINITY

  /** Callers that come meanwhile share the sum, also while it is on its way. */
  function recentReservations(): Promise<Reservations> {
    if (summing === null || performance.now() - summedAt > FRESH_MS) {
      summedAt = performance.now()
      summing = ledger.reservations()
      // A sum that failed is asked for again.
      summing.catch(() => {
        summing = null
      })
    }
    return summing
  }

  async function available(presentBytes: number): Promise<SpoolCapacity> {
    const space = await spool.space()
    const freeBytes = space.freeBytes - shareOf(space)
    return { limitBytes: spoolMaxBytes, freeBytes, presentBytes }
  }

  return {
    available,
    fits: async (size) => {
      const { limitBytes, freeBytes } = await available(0)
      const { reservedBytes, unwrittenBytes } = await ledger.reservations()
      return reservedBytes + size <= limitBytes && unwrittenBytes + size <= freeBytes
    },
    unclaimedBytes: async () => {
      // No upload has reserved anything on a disk that has no chunks.
      if (spool.incomingSpace) return (await spool.incomingSpace()).freeBytes
      const space = await spool.space()
      return Math.max(shareOf(space), space.freeBytes - (await recentReservations()).unwrittenBytes)
    },
    totalBytes: async () => {
      const { limitBytes, freeBytes } = await available(0)
      const { reservedBytes, unwrittenBytes } = await ledger.reservations()
      return Math.min(limitBytes, freeBytes + reservedBytes - unwrittenBytes)
    },
    promised: async () => {
      const { reservedBytes } = await recentReservations()
      return { reservedBytes, limitBytes: spoolMaxBytes }
    },
    freeBytes: async () => (await (spool.incomingSpace ?? spool.space)()).freeBytes,
  }
}

function shareOf({ totalBytes }: DiskSpace): number {
  return Math.min(UNCLAIMED_BYTES, totalBytes / 8)
}
