import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../core/log.ts'
import type { ReceivedChunk, ReceiveOptions, Spool } from '../core/ports/spool.ts'
import { KiB } from '../lib/units.ts'
import { createChunkFiles, syncFolder } from './chunk-files.ts'
import { writeChunkFile } from './chunk-writer.ts'
import { onDisk } from './disk-error.ts'
import { createHandleCache } from './handle-cache.ts'
import { createTemporaryFiles } from './temporary-files.ts'
import { createWriteGovernor } from './write-governor.ts'

const PROBE = Buffer.alloc(64 * KiB)

export interface SpoolOptions {
  /** Chunk files go to `uploads/<id>/<index>.chunk` in it, unclaimed bytes to `tmp/`. */
  directory: string
  /** Whether a claimed chunk must survive a loss of power, not only the death of the process. */
  fsync: boolean
  log: Log
  /** Chunk files kept open for reading, over all uploads. */
  maxOpenFiles?: number
  /** Milliseconds until a chunk file that nobody reads is closed. */
  idleFileMs?: number
}

/** What start-up needs beyond core's port, to put files and ledger in agreement. */
export interface ReconcilableSpool extends Spool {
  /** Indexes of an upload's chunk files, in no order; empty when there is none. */
  chunkIndexes: (uploadId: string) => Promise<number[]>
  /** Removes one chunk file; harmless when it is not there. */
  removeChunk: (uploadId: string, index: number) => Promise<void>
}

/**
 * Opens the spool in `directory`, which must belong to this process alone (`lockDataDir`).
 *
 * Bytes go to a file of their own before anybody knows whose they are, and become a chunk by a
 * rename. So a chunk file is always whole, and what a crash leaves half done lies in `tmp`.
 *
 * Rejects with SPOOL_FULL or SPOOL_FAILED when its folders cannot be made.
 */
export async function createSpool(options: SpoolOptions): Promise<ReconcilableSpool> {
  const { directory, fsync, log, maxOpenFiles = 64, idleFileMs = 10_000 } = options
  const folders = { uploads: join(directory, 'uploads'), temporary: join(directory, 'tmp') }
  for (const path of Object.values(folders)) {
    await onDisk(mkdir(path, { recursive: true, mode: 0o700 }))
  }
  if (fsync) await syncFolder(directory)

  const handles = createHandleCache({ maxOpen: maxOpenFiles, idleMs: idleFileMs })
  const { adopt, ...chunks } = createChunkFiles({ directory: folders.uploads, fsync, handles })
  const temporary = createTemporaryFiles(folders.temporary, log)
  const governor = createWriteGovernor()

  async function receive(
    source: AsyncIterable<Uint8Array>,
    { maxBytes, signal }: ReceiveOptions,
  ): Promise<ReceivedChunk> {
    signal.throwIfAborted()
    const { path, release, discard } = temporary.reserve()
    try {
      const written = await writeChunkFile(path, source, { maxBytes, signal, fsync, governor })
      return {
        ...written,
        claim: async (uploadId, index) => {
          await adopt(path, uploadId, index)
          release()
        },
        discard,
      }
    } catch (error) {
      await discard()
      throw error
    }
  }

  async function check(): Promise<void> {
    const probe = temporary.reserve()
    try {
      await onDisk(writeFile(probe.path, PROBE, { flag: 'wx', mode: 0o600 }))
    } finally {
      await probe.discard()
    }
  }

  return {
    ...chunks,
    receive,
    check,
    removeTemporary: temporary.removeForgotten,
    close: handles.close,
  }
}
