import { createHash, type Hash } from 'node:crypto'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { AppError } from '../../errors.ts'
import { onDisk } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'
import { abortableSource } from './abortable-source.ts'
import type { ChunkWriteOptions } from './chunk-writer.ts'
import { createGatheringWriter } from './gathering-writer.ts'
import { readWhole } from './read-whole.ts'

export interface AppendFileOptions extends Omit<ChunkWriteOptions, 'maxBytes'> {
  /** How large the file is once it is whole. More than that rejects with CHUNK_TOO_LARGE. */
  targetBytes: number
}

/**
 * Writes what the source gives behind what the file at `path` has already; begins one when there
 * is none. When the source fails, what it gave before is on disk all the same: the file's length
 * is the truth about it. The digest is that of the whole file, null while it is not whole.
 * Rejects with SPOOL_FULL, SPOOL_FAILED, the source's own error, or the signal's reason.
 */
export async function appendToChunkFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  options: AppendFileOptions,
): Promise<{ size: number; digest: string | null }> {
  const { targetBytes, signal, fsync, throttle, gate } = options
  const flags = constants.O_RDWR | constants.O_CREAT
  const handle = await gate.run(() => onDisk(open(path, flags, 0o600)), signal)
  const leave = throttle.join()
  try {
    const { size: position } = await gate.run(() => onDisk(handle.stat()))
    const { size, hash, failure } = await append(handle, source, { ...options, position })
    if (fsync) await gate.run(() => onDisk(handle.datasync()))
    if (failure) throw failure.error
    if (size < targetBytes) return { size, digest: null }
    // What an earlier call wrote has to be read again; that is less than one chunk.
    const whole = position === 0 ? hash : await hashFile(path, gate)
    return { size, digest: whole.digest('hex') }
  } finally {
    leave()
    await handle.close().catch(() => {})
  }
}

interface Appended {
  /** Of the file. */
  size: number
  /** Over the bytes that were appended. */
  hash: Hash
  /** Why the source ended early, if it did. */
  failure: { error: unknown } | null
}

async function append(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
  options: AppendFileOptions & { position: number },
): Promise<Appended> {
  const { signal, position, targetBytes } = options
  const writer = createGatheringWriter(handle, options)
  const hash = createHash('sha256')
  let size = position
  let failure: Appended['failure'] = null
  try {
    for await (const piece of abortableSource(source, signal)) {
      if (size + piece.byteLength > targetBytes) {
        throw new AppError('CHUNK_TOO_LARGE', `Over ${targetBytes} bytes`)
      }
      size += piece.byteLength
      hash.update(piece)
      if (writer.add(piece)) await writer.flush()
    }
  } catch (error) {
    failure = { error }
  }
  // A failed write fails here once more; a failed source does not keep its bytes from the disk.
  await writer.flush()
  await writer.settled()
  return { size, hash, failure }
}

async function hashFile(path: string, gate: DiskGate): Promise<Hash> {
  const hash = createHash('sha256')
  for await (const piece of readWhole(path, gate)) hash.update(piece)
  return hash
}
