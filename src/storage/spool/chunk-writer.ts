import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { AppError } from '../../errors.ts'
import type { Reservation } from '../disk/disk-capacity.ts'
import { onDisk } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'
import { abortableSource } from './abortable-source.ts'
import { createGatheringWriter } from './gathering-writer.ts'
import type { WriteThrottle } from './write-throttle.ts'

export interface ChunkWriteOptions {
  /** More bytes than this reject with CHUNK_TOO_LARGE, before they are written. */
  maxBytes: number
  signal: AbortSignal
  /** Whether the bytes must survive a loss of power. */
  fsync: boolean
  throttle: WriteThrottle
  gate: DiskGate
  /** Whether a piece's memory may be freed once it is written. */
  mayFree?: boolean
  /** Capacity on the disk for what is written here. */
  reservation: Pick<Reservation, 'extend' | 'written'>
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
  const { maxBytes, signal, fsync, throttle, gate } = options
  const handle = await gate.run(() => onDisk(open(path, 'wx', 0o600)), signal)
  const writer = createGatheringWriter(handle, options)
  const leave = throttle.join()
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const piece of abortableSource(source, signal)) {
      size += piece.byteLength
      if (size > maxBytes)
        throw new AppError('CHUNK_TOO_LARGE', `The chunk is larger than ${maxBytes} bytes`)
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
