import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { AppError } from '../errors.ts'
import { onDisk } from './disk-error.ts'
import type { DiskGate } from './disk-gate.ts'
import type { Arrival } from './disk-space.ts'
import { untilAborted } from './until-aborted.ts'
import type { WriteGovernor } from './write-governor.ts'

// Below the IOV_MAX of every system, and a bound for a sender of tiny pieces.
const MAX_PIECES = 512

export interface ChunkWriteOptions {
  /** More bytes than this reject with CHUNK_TOO_LARGE, before they are written. */
  maxBytes: number
  signal: AbortSignal
  /** Whether the bytes must survive a loss of power. */
  fsync: boolean
  governor: WriteGovernor
  gate: DiskGate
  /** Room on the disk for what is written here. */
  arrival: Pick<Arrival, 'admit' | 'written'>
}

/**
 * Writes a new file at `path` from what the source gives. One batch is on its way to the disk
 * while the next is gathered, so at most two are in memory. On failure the file stays: its
 * owner removes it. Rejects with SPOOL_FULL, SPOOL_FAILED, CHUNK_TOO_LARGE, the source's own
 * error, or the signal's reason.
 */
export async function writeChunkFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: ChunkWriteOptions,
): Promise<{ size: number; digest: string }> {
  const { maxBytes, signal, fsync, governor, gate } = options
  const handle = await gate.run(() => onDisk(open(path, 'wx', 0o600)), signal)
  const writer = createGatheringWriter(handle, options)
  const leave = governor.join()
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const piece of untilAborted(source, signal)) {
      size += piece.byteLength
      if (size > maxBytes) throw new AppError('CHUNK_TOO_LARGE', `Over ${maxBytes} bytes`)
      while (governor.takeTurn(piece.byteLength)) await governor.nextTurn()
      hash.update(piece)
      if (writer.add(piece)) await writer.flush()
    }
    await writer.flush()
    await writer.settled()
    if (fsync) await gate.run(() => onDisk(handle.datasync()))
    await onDisk(handle.close())
    return { size, digest: hash.digest('hex') }
  } catch (error) {
    await writer.settled().catch(() => {})
    await handle.close().catch(() => {})
    throw error
  } finally {
    leave()
  }
}

interface GatheringWriter {
  /** Keeps the piece; true when enough is gathered and `flush` is due. */
  add: (piece: Uint8Array) => boolean
  /** Hands what is gathered to the disk once the batch before is down. */
  flush: () => Promise<void>
  /** Resolves when nothing is on its way any more; rejects when the last batch failed. */
  settled: () => Promise<void>
}

function createGatheringWriter(
  handle: FileHandle,
  { governor, gate, arrival, signal }: ChunkWriteOptions,
): GatheringWriter {
  let pieces: Uint8Array[] = []
  let gathered = 0
  let position = 0
  let running: Promise<void> = Promise.resolve()

  return {
    add: (piece) => {
      pieces.push(piece)
      gathered += piece.byteLength
      return gathered >= governor.batchBytes() || pieces.length >= MAX_PIECES
    },
    flush: async () => {
      await running
      if (gathered === 0) return
      const batch = { pieces, position, bytes: gathered }
      await arrival.admit(gathered)
      const release = await governor.admit(gathered, signal)
      position += gathered
      pieces = []
      gathered = 0
      running = gate
        .run(() => onDisk(writeFully(handle, batch.pieces, batch.position)))
        .then(() => arrival.written(batch.bytes))
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
