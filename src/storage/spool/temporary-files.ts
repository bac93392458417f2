import { randomUUID } from 'node:crypto'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/ports/log.ts'
import { onDisk, onDiskIfThere } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'

/** One name in the folder of temporary files, spared by `removeForgotten` while it lives. */
export interface TemporaryFile {
  readonly path: string
  /** The file has been moved elsewhere: its name here is free. */
  release: () => void
  /** Removes the file if it is there. Never rejects: what stays goes with the next sweep. */
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
}

export function createTemporaryFiles(
  directory: string,
  { gate, log }: TemporaryFilesOptions,
): TemporaryFiles {
  const living = new Set<string>()

  async function remove(name: string): Promise<void> {
    try {
      await gate.run(() => onDiskIfThere(unlink(join(directory, name))))
    } catch (error) {
      log.warn({ err: error }, 'a temporary file could not be removed')
    }
    living.delete(name)
  }

  return {
    reserve: () => {
      const name = randomUUID()
      living.add(name)
      return {
        path: join(directory, name),
        release: () => void living.delete(name),
        discard: () => remove(name),
      }
    },
    removeForgotten: async () => {
      const names = await gate.run(() => onDisk(readdir(directory)))
      await Promise.all(names.filter((name) => !living.has(name)).map(remove))
    },
  }
}
