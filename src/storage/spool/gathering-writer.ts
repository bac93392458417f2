import type { FileHandle } from 'node:fs/promises'
import { freeMemory } from '../../lib/free-memory.ts'
import type { Reservation } from '../disk/disk-capacity.ts'
import { onDisk } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'
import type { WriteThrottle } from './write-throttle.ts'

// Below the IOV_MAX of every system, and a bound for a sender of tiny pieces.
const MAX_PIECES = 512

export interface GatheringWriterOptions {
  throttle: WriteThrottle
  gate: DiskGate
  /** Capacity on the disk for what is written here. */
  reservation: Pick<Reservation, 'extend' | 'written'>
  signal: AbortSignal
  /** Whether a piece's memory may be freed once it is written. */
  mayFree?: boolean
  /** Where in the file the first byte goes. */
  position?: number
}

/** Writes to an open file in large batches, one on its way while the next is gathered. */
export interface GatheringWriter {
  /** Keeps the piece; true when enough is gathered and `flush` is due. */
  add: (piece: Uint8Array) => boolean
  /** Hands what is gathered to the disk once the batch before is down. */
  flush: () => Promise<void>
  /** Resolves when nothing is on its way any more; rejects when the last batch failed. */
  settled: () => Promise<void>
}

export function createGatheringWriter(
  handle: FileHandle,
  options: GatheringWriterOptions,
): GatheringWriter {
  const { throttle, gate, reservation, signal, mayFree = false, position: from = 0 } = options
  let pieces: Uint8Array[] = []
  let gathered = 0
  let position = from
  let running: Promise<void> = Promise.resolve()

  return {
    add: (piece) => {
      pieces.push(piece)
      gathered += piece.byteLength
      return gathered >= throttle.batchBytes() || pieces.length >= MAX_PIECES
    },
    flush: async () => {
      await running
      if (gathered === 0) return
      const batch = { pieces, position, bytes: gathered }
      await reservation.extend(gathered)
      const release = await throttle.acquire(gathered, signal)
      position += gathered
      pieces = []
      gathered = 0
      running = gate
        .run(() => onDisk(writeFully(handle, batch.pieces, batch.position)))
        .then(() => {
          reservation.written(batch.bytes)
          if (mayFree) freeMemory(batch.pieces)
        })
        .finally(release)
      // Its failure is seen by the next flush or by settled; until then it is not unhandled.
      running.catch(() => {})
    },
    settled: () => running,
  }
}

/** The system may take less than it was given, near a full disk for one: goes on where it stopped. */
async function writeFully(handle: FileHandle, pieces: Uint8Array[], position: number) {
  let rest = pieces
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at)
    if (bytesWritten === 0) throw new Error('the disk took no bytes')
    at += bytesWritten
    rest = afterBytes(rest, bytesWritten)
  }
}

function afterBytes(pieces: Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  let first = 0
  for (const piece of pieces) {
    if (skip < piece.byteLength) break
    skip -= piece.byteLength
    first++
  }
  const rest = pieces.slice(first)
  const [head] = rest
  if (head && skip > 0) rest[0] = head.subarray(skip)
  return rest
}
