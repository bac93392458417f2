import { copyFile, link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { BYTES_LOST, type ChunkName, type Spool } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { isMissing, onDisk, onDiskIfThere, systemCode, toSpoolError } from '../disk/disk-error.ts'
import { readChunks } from './chunk-reader.ts'
import type { HandleCache } from './handle-cache.ts'
import {
  fromChunkName,
  fromFolderName,
  fromPartialName,
  toChunkName,
  toFolderName,
  toPartialName,
} from './upload-folder.ts'

/** What file systems say that have no second names, or no more of them for this file. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'])

export interface ChunkFilesOptions {
  directory: string
  fsync: boolean
  handles: HandleCache
}

/** The files that are known to be chunks, in one folder per upload. */
export interface ChunkFiles
  extends Pick<
    Spool,
    'read' | 'chunkFileSize' | 'remove' | 'uploadIds' | 'partialBytes' | 'share'
  > {
  /** Moves the file at `path` here as a chunk, in place of one that may be there already. */
  adopt: (path: string, uploadId: string, index: number) => Promise<void>
  /** Indexes of an upload's chunk files, in no order; empty when there is none. */
  chunkIndexes: (uploadId: string) => Promise<number[]>
  /** Removes one chunk file; harmless when it is not there. */
  removeChunk: (uploadId: string, index: number) => Promise<void>
  /** Indexes of an upload's partial chunks, in no order. */
  partialIndexes: (uploadId: string) => Promise<number[]>
  /** Removes a partial chunk; harmless when there is none. */
  removePartial: (name: ChunkName) => Promise<void>
  /** Where a chunk's bytes are, if they are there. */
  chunkFile: (uploadId: string, index: number) => string
  /** Where a partial chunk is written; its folder is there. */
  partialFile: (name: ChunkName) => Promise<string>
  /** Makes a chunk that was not acknowledged a partial one again. */
  toPartial: (name: ChunkName) => Promise<void>
}

export function createChunkFiles({ directory, fsync, handles }: ChunkFilesOptions): ChunkFiles {
  const folder = (uploadId: string): string => join(directory, toFolderName(uploadId))
  const file = (uploadId: string, index: number): string =>
    join(folder(uploadId), toChunkName(index))
  const partial = ({ uploadId, index }: ChunkName): string =>
    join(folder(uploadId), toPartialName(index))

  async function adopt(from: string, uploadId: string, index: number): Promise<void> {
    const to = file(uploadId, index)
    try {
      await rename(from, to)
    } catch (error) {
      // Only the first chunk of an upload finds no folder.
      if (!isMissing(error)) throw toSpoolError(error)
      await makeFolder(dirname(to))
      await onDisk(rename(from, to))
    }
    if (fsync) await syncFolder(dirname(to))
    // The file that had this name before may still be open.
    await handles.forget((path) => path === to)
  }

  async function makeFolder(path: string): Promise<void> {
    await onDisk(mkdir(path, { recursive: true, mode: 0o700 }))
    if (fsync) await syncFolder(directory)
  }

  async function share(from: ChunkName, { uploadId, index }: ChunkName): Promise<void> {
    const to = file(uploadId, index)
    await makeFolder(dirname(to))
    // A file that is there was left by a process that died, and was not acknowledged.
    await onDiskIfThere(unlink(to))
    await linkOrCopy(file(from.uploadId, from.index), to)
    if (fsync) await syncFolder(dirname(to))
    await handles.forget((path) => path === to)
  }

  async function remove(uploadId: string): Promise<void> {
    const path = folder(uploadId)
    // Names go before open files: in the other order a reader could open one again in between.
    // A chunk that is adopted meanwhile makes the folder not empty for once.
    await onDisk(rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 }))
    await handles.forget((opened) => opened.startsWith(path + sep))
  }

  async function indexesIn(
    uploadId: string,
    indexOf: (name: string) => number | null,
  ): Promise<number[]> {
    const names = (await onDiskIfThere(readdir(folder(uploadId)))) ?? []
    return names.map(indexOf).filter((index) => index !== null)
  }

  return {
    adopt,
    remove,
    share,
    chunkFile: file,
    partialFile: async (name) => {
      const path = partial(name)
      await makeFolder(dirname(path))
      return path
    },
    partialBytes: async (name) => (await onDiskIfThere(stat(partial(name))))?.size ?? 0,
    toPartial: async (name) =>
      void (await onDiskIfThere(rename(file(name.uploadId, name.index), partial(name)))),
    read: async (uploadId, layout, offset, target) =>
      readChunks(handles, (index) => file(uploadId, index), layout, { offset, target }),
    chunkFileSize: async (uploadId, index) => {
      const found = await onDiskIfThere(stat(file(uploadId, index)))
      return found?.isFile() ? found.size : null
    },
    chunkIndexes: (uploadId) => indexesIn(uploadId, fromChunkName),
    partialIndexes: (uploadId) => indexesIn(uploadId, fromPartialName),
    removePartial: async (name) => onDisk(rm(partial(name), { recursive: true, force: true })),
    removeChunk: async (uploadId, index) => {
      const gone = file(uploadId, index)
      // Recursive, because what a damaged disk has under this name may be a folder.
      await onDisk(rm(gone, { recursive: true, force: true }))
      await handles.forget((path) => path === gone)
    },
    uploadIds: async () =>
      (await onDisk(readdir(directory))).map(fromFolderName).filter((id) => id !== null),
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (isMissing(error)) throw new AppError('SPOOL_DAMAGED', BYTES_LOST)
    if (!NO_LINKS.has(systemCode(error) ?? '')) throw toSpoolError(error)
    await onDisk(copyFile(from, to))
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
