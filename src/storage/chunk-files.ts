import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import type { Spool } from '../core/ports/spool.ts'
import { readChunks } from './chunk-reader.ts'
import { isMissing, onDisk, onDiskIfThere, toSpoolError } from './disk-error.ts'
import type { HandleCache } from './handle-cache.ts'
import { fromChunkName, fromFolderName, toChunkName, toFolderName } from './upload-folder.ts'

export interface ChunkFilesOptions {
  directory: string
  fsync: boolean
  handles: HandleCache
}

/** The files that are known to be chunks, in one folder per upload. */
export interface ChunkFiles extends Pick<Spool, 'read' | 'chunkFileSize' | 'remove' | 'uploadIds'> {
  /** Moves the file at `path` here as a chunk, in place of one that may be there already. */
  adopt: (path: string, uploadId: string, index: number) => Promise<void>
  /** Indexes of an upload's chunk files, in no order; empty when there is none. */
  chunkIndexes: (uploadId: string) => Promise<number[]>
  /** Removes one chunk file; harmless when it is not there. */
  removeChunk: (uploadId: string, index: number) => Promise<void>
}

export function createChunkFiles({ directory, fsync, handles }: ChunkFilesOptions): ChunkFiles {
  const folder = (uploadId: string): string => join(directory, toFolderName(uploadId))
  const file = (uploadId: string, index: number): string =>
    join(folder(uploadId), toChunkName(index))

  async function adopt(from: string, uploadId: string, index: number): Promise<void> {
    const to = file(uploadId, index)
    try {
      await rename(from, to)
    } catch (error) {
      // Only the first chunk of an upload finds no folder.
      if (!isMissing(error)) throw toSpoolError(error)
      await onDisk(mkdir(dirname(to), { recursive: true, mode: 0o700 }))
      if (fsync) await syncFolder(directory)
      await onDisk(rename(from, to))
    }
    if (fsync) await syncFolder(dirname(to))
    // The file that had this name before may still be open.
    await handles.forget((path) => path === to)
  }

  async function remove(uploadId: string): Promise<void> {
    const path = folder(uploadId)
    // Names go before open files: in the other order a reader could open one again in between.
    // A chunk that is adopted meanwhile makes the folder not empty for once.
    await onDisk(rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }))
    await handles.forget((opened) => opened.startsWith(path + sep))
  }

  return {
    adopt,
    remove,
    read: async (uploadId, layout, offset, target) =>
      readChunks(handles, (index) => file(uploadId, index), layout, { offset, target }),
    chunkFileSize: async (uploadId, index) =>
      (await onDiskIfThere(stat(file(uploadId, index))))?.size ?? null,
    chunkIndexes: async (uploadId) => {
      const names = (await onDiskIfThere(readdir(folder(uploadId)))) ?? []
      return names.map(fromChunkName).filter((index) => index !== null)
    },
    removeChunk: async (uploadId, index) => {
      const gone = file(uploadId, index)
      await onDiskIfThere(unlink(gone))
      await handles.forget((path) => path === gone)
    },
    uploadIds: async () =>
      (await onDisk(readdir(directory))).map(fromFolderName).filter((id) => id !== null),
  }
}

/** Makes the names in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await onDisk(open(path, 'r'))
  try {
    await onDisk(handle.sync())
  } finally {
    await handle.close()
  }
}
