import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { TeleStoreError } from './error.ts'
import type { UploadSource } from './uploads/upload-api.ts'

export interface FileSourceOptions {
  /** By default the name of the file without its folders. */
  name?: string | undefined
  type?: string | undefined
}

/**
 * A file on disk as a source of uploads. It is opened for each chunk and closed after it. Rejects with
 * the system's error when there is no such file, and with TypeError for a folder or a pipe.
 */
export async function openFile(
  path: string,
  options: FileSourceOptions = {},
): Promise<UploadSource> {
  const before = await stat(path)
  if (!before.isFile()) throw new TypeError(`${path} is not a file`)

  return {
    name: options.name ?? basename(path),
    type: options.type ?? '',
    size: before.size,
    lastModified: Math.round(before.mtimeMs),
    slice: async (start, end) => {
      const file = await open(path)
      try {
        const now = await file.stat()
        if (now.size !== before.size || now.mtimeMs !== before.mtimeMs) {
          throw new TeleStoreError('FILE_CHANGED', 'The file has changed while it was being sent')
        }
        const bytes = new Uint8Array(end - start)
        // A read may give less than was asked for.
        for (let at = 0; at < bytes.length; ) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
          if (bytesRead === 0) return new Blob([bytes.subarray(0, at)])
          at += bytesRead
        }
        return new Blob([bytes])
      } finally {
        await file.close()
      }
    },
  }
}
