import { copyFile, link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { BYTES_LOST, type ChunkName, type MaintainedSpool } from '../../core/ports/spool.ts'
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
    MaintainedSpool,
    | 'read'
    | 'chunkFileSize'
    | 'removeChunk'
    | 'uploadIds'
    | 'removeFolder'
    | 'partialBytes'
    | 'share'
    | 'chunkIndexes'
    | 'partialIndexes'
    | 'removePartial'
    | 'toPartial'
  > {
  /** Moves the file at `path` here as a chunk, in place of one that may be there already. */
  adopt: (path: string, uploadId: string, index: number) => Promise<void>
  /** Where a chunk's bytes are, if they are there. */
  chunkFile: (uploadId: string, index: number) => string
  /** Where a partial chunk is written; its folder is there. */
  partialFile: (name: ChunkName) => Promise<string>
}

export function createChunkFiles({ directory, fsync, handles }: ChunkFilesOptions): ChunkFiles {
  const folder = (uploadId: string): string => join(directory, toFolderName(uploadId))
  const file = (uploadId: string, index: number): string =>
    join(folder(uploadId), toChunkName(index))
  const partial = ({ upload, index }: ChunkName): string =>
    join(folder(upload.id), toPartialName(index))

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

  async function share(from: ChunkName, { upload, index }: ChunkName): Promise<void> {
    const to = file(upload.id, index)
    await makeFolder(dirname(to))
    // A file that is there was left by a process that died, and was not acknowledged.
    await onDiskIfThere(unlink(to))
    await linkOrCopy(file(from.upload.id, from.index), to)
    if (fsync) await syncFolder(dirname(to))
    await handles.forget((path) => path === to)
  }

  async function removeFolder(uploadId: string): Promise<void> {
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
    removeFolder,
    share,
    chunkFile: file,
    partialFile: async (name) => {
      const path = partial(name)
      await makeFolder(dirname(path))
      return path
    },
    partialBytes: async (name) => (await onDiskIfThere(stat(partial(name))))?.size ?? 0,
    toPartial: async (name) =>
      void (await onDiskIfThere(rename(file(name.upload.id, name.index), partial(name)))),
    read: async ({ id }, layout, offset, target) =>
      readChunks(handles, (index) => file(id, index), layout, { offset, target }),
    chunkFileSize: async ({ id }, index) => {
      const found = await onDiskIfThere(stat(file(id, index)))
      return found?.isFile() ? found.size : null
    },
    chunkIndexes: ({ id }) => indexesIn(id, fromChunkName),
    partialIndexes: ({ id }) => indexesIn(id, fromPartialName),
    removePartial: async (name) => onDisk(rm(partial(name), { recursive: true, force: true })),
    removeChunk: async ({ id }, index) => {
      const gone = file(id, index)
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
