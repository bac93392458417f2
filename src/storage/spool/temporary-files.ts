import { randomUUID } from 'node:crypto'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/ports/log.ts'
import { onDisk, onDiskIfThere } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'

/** One name in the folder of temporary files, spared by `removeForgotten` while it lives. */
export interface TemporaryFile {
  readonly path: string
  /** The file has been moved elsewhere: its name here is free, and there is nothing to discard. */
  release: () => void
  /**
   * Removes the file if it is there; harmless when called again. Never rejects: what stays goes with
   * the next sweep.
   */
  discard: () => Promise<void>
}

export interface TemporaryFiles {
  /** Reserves a name; nothing is on disk yet. */
  reserve: () => TemporaryFile
  /** Removes the files of processes that died; rejects with SPOOL_FAILED. */
  removeForgotten: () => Promise<void>
}

export interface TemporaryFilesOptions {
  gate: DiskGate
  log: Log
  /** Called when a file was removed, or could not be. */
  onRemoved: () => void
}

export function createTemporaryFiles(
  directory: string,
  { gate, log, onRemoved }: TemporaryFilesOptions,
): TemporaryFiles {
  const living = new Set<string>()

  async function remove(name: string): Promise<void> {
    try {
      await gate.run(() => onDiskIfThere(unlink(join(directory, name))))
    } catch (error) {
      log.warn({ err: error }, 'a temporary file could not be removed')
    }
    living.delete(name)
    onRemoved()
  }

  return {
    reserve: () => {
      const name = randomUUID()
      living.add(name)
      return {
        path: join(directory, name),
        release: () => void living.delete(name),
        // Most files have been moved by now: to look for them costs a chunk two calls of the disk.
        discard: async () => {
          if (living.has(name)) await remove(name)
        },
      }
    },
    removeForgotten: async () => {
      const names = await gate.run(() => onDisk(readdir(directory)))
      await Promise.all(names.filter((name) => !living.has(name)).map(remove))
    },
  }
}
