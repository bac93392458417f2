import { createReadStream } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import type { Store } from '../../store/store.ts'
import type { DocumentBytes } from '../bytes.ts'
import { documentPath } from './paths.ts'

/** Each document is a file. */
export function createDocumentFiles(store: Store): DocumentBytes {
  const pathOf = (documentId: string): string => documentPath(store, documentId)

  return {
    adopt: (documentId, path) => rename(path, pathOf(documentId)),
    read: async (documentId, offset, limit) => {
      const file = await open(pathOf(documentId), 'r')
      try {
        const buffer = Buffer.allocUnsafe(limit)
        const { bytesRead } = await file.read(buffer, 0, limit, offset)
        return buffer.subarray(0, bytesRead)
      } finally {
        await file.close()
      }
    },
    stream: (documentId, range) => createReadStream(pathOf(documentId), range),
    localPath: (documentId) => Promise.resolve(pathOf(documentId)),
  }
}
