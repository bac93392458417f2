import { constants, copyFile, mkdir, open, writeFile } from 'node:fs/promises'
import type { Store } from '../../store/store.ts'
import type { Upload } from '../../store/uploads.ts'
import { dataPath, documentPath, partPath } from './paths.ts'

/**
 * Turns a document into parts again, so that one of them can be replaced or lost.
 *
 * The parts' bytes became the document's when it was made; the document itself must not change.
 */
export async function reopen(store: Store, folder: string, upload: Upload): Promise<void> {
  if (upload.documentId === null) return
  const path = documentPath(store, upload.documentId)
  await mkdir(folder, { recursive: true })
  if (upload.big) await copyFile(path, dataPath(folder), constants.COPYFILE_FICLONE)
  else await splitInto(store, folder, { upload, path })
  upload.documentId = null
  store.uploads.save(upload)
}

async function splitInto(
  store: Store,
  folder: string,
  { upload, path }: { upload: Upload; path: string },
): Promise<void> {
  const file = await open(path, 'r')
  try {
    for (const part of store.uploads.parts(upload.accountId, upload.fileId)) {
      const bytes = Buffer.alloc(part.size)
      await file.read(bytes, 0, part.size)
      await writeFile(partPath(folder, part.part), bytes)
      store.uploads.savePart(upload.accountId, upload.fileId, { ...part, apart: true })
    }
  } finally {
    await file.close()
  }
}
