import { createHash } from 'node:crypto'
import { mkdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/ports/log.ts'
import type {
  AppendOptions,
  ChunkName,
  MaintainedSpool,
  PartialChunk,
  ReceivedChunk,
  ReceiveOptions,
  SpoolUpload,
} from '../../core/ports/spool.ts'
import { KiB } from '../../lib/units.ts'
import { createDiskCapacity } from '../disk/disk-capacity.ts'
import { onDisk, onDiskIfThere, spoolFailed } from '../disk/disk-error.ts'
import { createDiskGate, type DiskGate } from '../disk/disk-gate.ts'
import { createChunkFiles, syncFolder } from './chunk-files.ts'
import { writeChunkFile } from './chunk-writer.ts'
import { createHandleCache } from './handle-cache.ts'
import { appendToChunkFile } from './partial-chunk.ts'
import { readWhole } from './read-whole.ts'
import { createTemporaryFiles } from './temporary-files.ts'
import { createWriteThrottle } from './write-throttle.ts'

const PROBE = Buffer.alloc(64 * KiB)

export interface SpoolOptions {
  /** Chunk files go to `uploads/<id>/<index>.chunk` in it, unclaimed bytes to `tmp/`. */
  directory: string
  /** Whether a claimed chunk must survive a loss of power, not only the death of the process. */
  fsync: boolean
  log: Log
  /** Shared with the ledger, which must know as well that the disk hangs. */
  gate?: DiskGate
  /** Chunk files kept open for reading, over all uploads. */
  maxOpenFiles?: number
  /** Milliseconds until a chunk file that is not read is closed. */
  idleFileMs?: number
}

/**
 * Opens the spool in `directory`, which must belong to this process alone (`lockDataDir`).
 *
 * Bytes go to a file of their own before anybody knows whose they are, and become a chunk by a
 * rename. So a chunk file is always whole, and what a crash leaves half done lies in `tmp`.
 *
 * Rejects with SPOOL_FULL or SPOOL_FAILED when its folders cannot be made.
 */
export async function createSpool(options: SpoolOptions): Promise<MaintainedSpool> {
  const { directory, fsync, log, maxOpenFiles = 64, idleFileMs = 10_000 } = options
  const { gate = createDiskGate() } = options
  const folders = { uploads: join(directory, 'uploads'), temporary: join(directory, 'tmp') }
  for (const path of Object.values(folders)) {
    await onDisk(mkdir(path, { recursive: true, mode: 0o700 }))
  }
  if (fsync) await syncFolder(directory)

  const handles = createHandleCache({ maxOpen: maxOpenFiles, idleMs: idleFileMs })
  const { adopt, chunkFile, partialFile, ...chunks } = createChunkFiles({
    directory: folders.uploads,
    fsync,
    handles,
  })
  const capacity = createDiskCapacity(directory, gate)
  const temporary = createTemporaryFiles(folders.temporary, {
    gate,
    log,
    onRemoved: capacity.freed,
  })
  const throttle = createWriteThrottle()

  async function removing<T>(work: () => Promise<T>): Promise<T> {
    return gate.run(work).finally(capacity.freed)
  }

  async function receive(
    source: AsyncIterable<Uint8Array>,
    { maxBytes, expectedBytes = 0, signal, mayFree = false }: ReceiveOptions,
  ): Promise<ReceivedChunk> {
    signal.throwIfAborted()
    // On a disk that hangs every request more would only be one more that waits.
    if (gate.stalled()) throw spoolFailed()
    const reservation = await capacity.reserve(expectedBytes)
    const { path, release, discard } = temporary.reserve()
    try {
      const limits = { maxBytes, signal, mayFree, fsync, throttle, gate, reservation }
      const written = await writeChunkFile(path, source, limits)
      return {
        ...written,
        read: () => readWhole(path, gate),
        claim: async ({ id }, index) => {
          await gate.run(() => adopt(path, id, index))
          release()
        },
        unclaim: (...name) => removing(() => chunks.removeChunk(...name)),
        discard,
      }
    } catch (error) {
      await discard()
      throw error
    } finally {
      reservation.release()
    }
  }

  async function append(
    name: ChunkName,
    source: AsyncIterable<Uint8Array>,
    { targetBytes, signal, mayFree = false }: AppendOptions,
  ): Promise<PartialChunk> {
    signal.throwIfAborted()
    if (gate.stalled()) throw spoolFailed()
    const reservation = await capacity.reserve(0)
    try {
      const path = await gate.run(() => partialFile(name), signal)
      const limits = { targetBytes, signal, mayFree, fsync, throttle, gate, reservation }
      const { size, digest } = await appendToChunkFile(path, source, limits)
      if (digest === null) return { size, whole: null }
      let isClaimed = false
      const whole = {
        size,
        digest,
        read: () => readWhole(path, gate),
        claim: async () => {
          await gate.run(() => adopt(path, name.upload.id, name.index))
          isClaimed = true
        },
        // The sender was told of its bytes piece by piece: they stay as a partial chunk.
        unclaim: async () => {
          isClaimed = false
          await gate.run(() => chunks.toPartial(name))
        },
        discard: async () => {
          if (!isClaimed) await removing(() => onDiskIfThere(unlink(path)))
        },
      }
      return { size, whole }
    } finally {
      reservation.release()
    }
  }

  async function chunkDigest({ id }: SpoolUpload, index: number): Promise<string> {
    const hash = createHash('sha256')
    for await (const piece of readWhole(chunkFile(id, index), gate)) hash.update(piece)
    return hash.digest('hex')
  }

  async function check(): Promise<void> {
    const probe = temporary.reserve()
    try {
      await gate.run(() => onDisk(writeFile(probe.path, PROBE, { flag: 'wx', mode: 0o600 })))
    } finally {
      await probe.discard()
    }
  }

  return {
    ...chunks,
    read: (...range) => gate.run(() => chunks.read(...range)),
    removeChunk: (...name) => removing(() => chunks.removeChunk(...name)),
    remove: ({ id }) => removing(() => chunks.removeFolder(id)),
    removeFolder: (uploadId) => removing(() => chunks.removeFolder(uploadId)),
    share: (...names) => gate.run(() => chunks.share(...names)),
    receive,
    append,
    chunkDigest,
    space: capacity.space,
    check,
    removeTemporary: temporary.removeForgotten,
    close: handles.close,
  }
}
