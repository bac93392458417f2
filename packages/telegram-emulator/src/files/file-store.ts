import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { extname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { nowSeconds } from '../lib/clock.ts'
import type { EmulatorSettings } from '../settings.ts'
import type { Document } from '../store/documents.ts'
import type { Store } from '../store/store.ts'

export type FileMetadata = Pick<Document, 'fileName' | 'mimeType' | 'kind' | 'attributes' | 'thumb'>

/** The bytes of documents. */
export interface FileStore {
  /** Makes a document of the file at `path`, which is moved, not copied. */
  adopt: (path: string, metadata: FileMetadata & { size: number }) => Promise<Document>
  /** At most `limit` bytes from `offset`; fewer at the end, none after it. */
  read: (documentId: string, offset: number, limit: number) => Promise<Uint8Array>
  sha256: (documentId: string) => Promise<string>
}

export function createFileStore(store: Store, settings: EmulatorSettings): FileStore {
  return {
    adopt: async (path, { size, ...metadata }) => {
      const id = store.documents.newId()
      await rename(path, store.documents.pathOf(id))
      const dcId = settings.documentsDcId
      const fileName = shortenName(metadata.fileName, settings.documentNameLength)
      return store.documents.add({ ...metadata, id, size, fileName, date: nowSeconds(), dcId })
    },
    read: async (documentId, offset, limit) => {
      const file = await open(store.documents.pathOf(documentId), 'r')
      try {
        const buffer = Buffer.allocUnsafe(limit)
        const { bytesRead } = await file.read(buffer, 0, limit, offset)
        return buffer.subarray(0, bytesRead)
      } finally {
        await file.close()
      }
    },
    sha256: async (documentId) => {
      const hash = createHash('sha256')
      await pipeline(createReadStream(store.documents.pathOf(documentId)), hash)
      return hash.digest('hex')
    },
  }
}

/**
 * A name that is too long keeps its ending. Telegram's servers shorten names without a word about
 * it (https://github.com/telegramdesktop/tdesktop/issues/3797).
 */
function shortenName(name: string, max: number): string {
  const characters = [...name]
  if (characters.length <= max) return name
  const ending = [...extname(name)].slice(0, max)
  return [...characters.slice(0, max - ending.length), ...ending].join('')
}
