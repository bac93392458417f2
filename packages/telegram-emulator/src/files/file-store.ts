import { createHash } from 'node:crypto'
import { extname } from 'node:path'
import { nowSeconds } from '../lib/clock.ts'
import type { EmulatorSettings } from '../settings.ts'
import type { Document } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import type { DocumentBytes } from './bytes.ts'

export type FileMetadata = Pick<Document, 'fileName' | 'mimeType' | 'kind' | 'attributes' | 'thumb'>

/** Documents and their bytes. */
export interface FileStore extends Pick<DocumentBytes, 'read' | 'stream' | 'localPath'> {
  /** Makes a document; `bring` makes the bytes those of its id. */
  add: (
    metadata: FileMetadata & { size: number },
    bring: (documentId: string) => Promise<void>,
  ) => Promise<Document>
  /** Makes a document of the file at `path`, which is moved or removed. */
  adopt: (path: string, metadata: FileMetadata & { size: number }) => Promise<Document>
  sha256: (documentId: string) => Promise<string>
}

export function createFileStore(
  store: Store,
  { bytes, settings }: { bytes: DocumentBytes; settings: EmulatorSettings },
): FileStore {
  const { read, stream, localPath } = bytes

  const add: FileStore['add'] = async (metadata, bring) => {
    const id = store.documents.newId()
    await bring(id)
    const dcId = settings.documentsDcId
    const fileName = shortenName(metadata.fileName, settings.documentNameLength)
    return store.documents.add({ ...metadata, id, fileName, date: nowSeconds(), dcId })
  }

  return {
    read,
    stream,
    localPath,
    add,
    adopt: (path, metadata) => add(metadata, (id) => bytes.adopt(id, path)),
    sha256: async (documentId) => {
      const hash = createHash('sha256')
      for await (const piece of stream(documentId)) hash.update(piece)
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
