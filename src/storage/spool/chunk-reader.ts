import type { FileHandle } from 'node:fs/promises'
import { chunkAt } from '../../core/model/chunk-layout.ts'
import { BYTES_LOST, type ChunkLayout } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { isMissing, toSpoolError } from '../disk/disk-error.ts'
import type { HandleCache } from './handle-cache.ts'

/**
 * Fills `target` with the bytes from `offset` of the file that the chunks at `chunkPath(index)`
 * make up. Rejects with SPOOL_DAMAGED when one is missing or short, SPOOL_FAILED when the disk fails.
 */
export async function readChunks(
  handles: HandleCache,
  chunkPath: (index: number) => string,
  layout: ChunkLayout,
  { offset, target }: { offset: number; target: Uint8Array },
): Promise<void> {
  if (offset < 0 || offset + target.byteLength > layout.size) {
    throw new RangeError('the range is outside the file')
  }
  let filled = 0
  while (filled < target.byteLength) {
    const { index, start, size } = chunkAt(layout, offset + filled)
    const position = offset + filled - start
    const length = Math.min(target.byteLength - filled, size - position)
    const slice = target.subarray(filled, filled + length)
    await readChunk(handles, chunkPath(index), position, slice)
    filled += length
  }
}

async function readChunk(
  handles: HandleCache,
  path: string,
  position: number,
  target: Uint8Array,
): Promise<void> {
  try {
    await handles.use(path, (handle) => readFully(handle, position, target))
  } catch (error) {
    if (isMissing(error)) throw new AppError('SPOOL_DAMAGED', BYTES_LOST)
    throw toSpoolError(error)
  }
}

async function readFully(handle: FileHandle, position: number, target: Uint8Array): Promise<void> {
  let filled = 0
  while (filled < target.byteLength) {
    const rest = target.byteLength - filled
    const { bytesRead } = await handle.read(target, filled, rest, position + filled)
    if (bytesRead === 0) throw new AppError('SPOOL_DAMAGED', BYTES_LOST)
    filled += bytesRead
  }
}
