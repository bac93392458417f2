import { statfs } from 'node:fs/promises'
import type { DiskSpace } from '../../core/ports/spool.ts'
import { KiB, MiB } from '../../lib/units.ts'
import { withTimeout } from '../../lib/waiting/with-timeout.ts'
import { onDisk, spoolFailed, spoolFull } from './disk-error.ts'
import type { DiskGate } from './disk-gate.ts'

/** Left to the ledger and never filled with chunks; of a small disk a 32nd. */
const LEDGER_BYTES = 16 * MiB
/** How long one look at the disk is good for. */
const FRESH_MS = 250
/** The same before a sender is refused. */
const LATEST_MS = 10
/** Files that a disk must still be able to hold. */
const LEAST_FILES = 16
/** What is kept at a time for a sender that has not said how much will come. */
const STEP_BYTES = 512 * KiB
/** Milliseconds to wait for the disk to say how full it is. */
const PATIENCE_MS = 3_000

/** Bytes that are on their way to the disk. */
export interface Reservation {
  /** Makes sure of space for this many bytes, which are written next. Rejects with SPOOL_FULL. */
  extend: (bytes: number) => Promise<void>
  /** They are on the disk. */
  written: (bytes: number) => void
  /** No more will come. */
  release: () => void
}

/** Knows how much the disk can take, without asking it each time. */
export interface DiskCapacity {
  /** What is left beside the ledger's share and everything that has been let in. */
  space: () => Promise<DiskSpace>
  /** Keeps space for bytes before the first is written. Rejects with SPOOL_FULL or SPOOL_FAILED. */
  reserve: (expectedBytes: number) => Promise<Reservation>
  /** Called when something was removed: what is known of the disk is out of date. */
  freed: () => void
}

export function createDiskCapacity(directory: string, gate: DiskGate): DiskCapacity {
  let look: Promise<DiskSpace> | null = null
  let looking = false
  let lookedAt = Number.NEGATIVE_INFINITY
  /** Written since the disk was last looked at: it does not know of these yet. */
  let writtenSince = 0
  /** Let in and not written yet. */
  let coming = 0

  /** Calls that come during a look share it: on a disk that hangs they would only pile up. */
  function lookAgain(maxAgeMs: number): Promise<DiskSpace> {
    if (look && (looking || performance.now() - lookedAt < maxAgeMs)) return look
    lookedAt = performance.now()
    writtenSince = 0
    const latest = measure(directory, gate)
    const end = (found: Promise<DiskSpace> | null): void => {
      if (look !== latest) return
      look = found
      looking = false
    }
    latest.then(
      () => end(latest),
      () => end(null),
    )
    look = latest
    looking = true
    return latest
  }

  /** What the disk has, before what it does not know of is taken off: `left` does that. */
  function measured(maxAgeMs: number): Promise<DiskSpace> {
    return withTimeout(lookAgain(maxAgeMs), {
      ms: PATIENCE_MS,
      onTimeout: () => {
        throw spoolFailed()
      },
    })
  }

  const left = ({ freeBytes }: DiskSpace): number => freeBytes - writtenSince - coming

  /** Nothing is awaited between the answer and what it lets in: others ask at the same time. */
  async function keep(bytes: number): Promise<void> {
    if (left(await measured(FRESH_MS)) < bytes) {
      // Something may have been removed since.
      if (left(await measured(LATEST_MS)) < bytes) throw spoolFull()
    }
    coming += bytes
  }

  async function reserve(expectedBytes: number): Promise<Reservation> {
    let kept = 0
    let extended = 0
    async function more(bytes: number): Promise<void> {
      await keep(bytes)
      kept += bytes
    }
    await more(expectedBytes)
    return {
      extend: async (bytes) => {
        extended += bytes
        if (extended > kept) await more(Math.max(STEP_BYTES, extended - kept))
      },
      written: (bytes) => {
        extended -= bytes
        kept -= bytes
        coming -= bytes
        writtenSince += bytes
      },
      release: () => {
        coming -= kept
        kept = 0
      },
    }
  }

  return {
    reserve,
    freed: () => {
      look = null
    },
    space: async () => {
      const latest = await measured(FRESH_MS)
      return { ...latest, freeBytes: Math.max(0, left(latest)) }
    },
  }
}

async function measure(directory: string, gate: DiskGate): Promise<DiskSpace> {
  const { bavail, blocks, bsize, files, ffree } = await gate.run(() => onDisk(statfs(directory)))
  // Some file systems of networks do not say; then only a failing write tells.
  const unlimited = { freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY }
  if (blocks === 0) return unlimited
  const totalBytes = blocks * bsize
  const outOfFiles = files > 0 && ffree < LEAST_FILES
  const freeBytes = outOfFiles ? 0 : bavail * bsize - Math.min(LEDGER_BYTES, totalBytes / 32)
  return { freeBytes, totalBytes }
}
