import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../../store/store.ts'
import type { Upload } from '../../store/uploads.ts'
import type { PartBytes } from '../bytes.ts'
import { joinParts } from './join-parts.ts'
import { dataPath, documentPath, partPath } from './paths.ts'
import { reopen } from './reopen.ts'

/** Each upload is a folder: one file of its full parts, which becomes the document, and the parts apart. */
export function createPartFiles(store: Store): PartBytes {
  const handles = new Map<string, FileHandle>()
  const { uploads } = store

  const keyOf = ({ accountId, fileId }: Upload): string => `${accountId}_${fileId}`
  const folderOf = (upload: Upload): string => join(store.partsFolder, keyOf(upload))

  async function closeHandle(key: string): Promise<void> {
    const handle = handles.get(key)
    handles.delete(key)
    await handle?.close()
  }

  async function handleOf(key: string, folder: string): Promise<FileHandle> {
    const known = handles.get(key)
    if (known) return known
    const handle = await open(dataPath(folder), 'a+').then(async (made) => {
      await made.close()
      return open(dataPath(folder), 'r+')
    })
    handles.set(key, handle)
    return handle
  }

  return {
    place: async (upload, { part, total, bytes }) => {
      const key = keyOf(upload)
      const folder = folderOf(upload)
      // The offset of a last part is known only once another part has shown the part size.
      const apart = total === null || part === total - 1
      if (apart || !handles.has(key)) await mkdir(folder, { recursive: true })
      const handle = apart ? null : await handleOf(key, folder)
      return {
        apart,
        write: async (saveRow) => {
          if (handle) await handle.write(bytes, 0, bytes.length, part * upload.partSize)
          else await writeFile(partPath(folder, part), bytes)
          saveRow()
        },
      }
    },
    join: async (file) => {
      const { upload } = file
      await closeHandle(keyOf(upload))
      const folder = folderOf(upload)
      const path = await joinParts(store, folder, file)
      return {
        toDocument: async (documentId) => {
          await rename(path, documentPath(store, documentId))
          store.transaction(() => {
            uploads.save({ ...upload, documentId })
            uploads.joinParts(upload.accountId, upload.fileId)
          })
          await rm(folder, { recursive: true, force: true })
        },
        read: async () => {
          const bytes = await readFile(path)
          await rm(path)
          return bytes
        },
      }
    },
    reopen: (upload) => reopen(store, folderOf(upload), upload),
    remove: async (upload, parts) => {
      // The bytes of single parts are written over, or go with the others.
      if (parts) return
      await closeHandle(keyOf(upload))
      await rm(folderOf(upload), { recursive: true, force: true })
    },
    close: async () => {
      await Promise.all([...handles.keys()].map(closeHandle))
    },
  }
}
