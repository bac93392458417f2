import type { ByteRange } from '../model/byte-range.ts'
import { decodeCaption } from '../model/caption.ts'
import { documentIdIn } from '../model/file-id.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { Manifest } from '../model/volumes/manifest.ts'
import type { Catalogue, LibraryFile } from '../ports/catalogue.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'
import type { DocumentReader } from './document-reader.ts'
import type { Manifests } from './manifests.ts'

/** A file that was found in Telegram and can be read. Nothing has to be closed. */
export interface OpenFile extends Omit<RemoteDocument, 'locator' | 'caption'> {
  /**
   * Telegram's own id of the document, decimal text: of a file of volumes, that of its manifest. Null
   * where a bot's file_id does not tell it.
   */
  readonly documentId: string | null
  /** What lists its volumes; null: the document is the file. */
  readonly manifest: Manifest | null
  /** The file's name in the library; null where the library does not know it. */
  readonly listedName: string | null
  /** As `DocumentReader.read`. */
  readonly read: (range: ByteRange, signal: AbortSignal) => AsyncGenerator<Uint8Array>
}

export interface FileToOpen {
  credentials: Credentials
  messageId: number
  /** For bots that cannot see messages; by default the one that the library knows. */
  fileId?: string | undefined
}

/** Opens files by their messages, whoever asks: this is the one place that knows how a file is stored. */
export interface LibraryFiles {
  /** Rejects as `TelegramGateway.locate` and `Manifests.open` do. */
  open: (file: FileToOpen, signal: AbortSignal) => Promise<OpenFile>
}

export interface LibraryFilesOptions {
  gateway: Pick<TelegramGateway, 'locate'>
  manifests: Manifests
  catalogue: Pick<Catalogue, 'libraryFile'>
  reader: DocumentReader
}

export function createLibraryFiles({
  gateway,
  manifests,
  catalogue,
  reader,
}: LibraryFilesOptions): LibraryFiles {
  return {
    open: async ({ credentials, messageId, fileId: named }, signal) => {
      const row = await catalogue.libraryFile(libraryKeyOf(credentials), messageId)
      const fileId = named ?? row?.fileId ?? undefined
      const found = await gateway.locate(credentials, messageId, signal, fileId)
      const { locator: _locator, caption, ...document } = found
      const listedSize = row?.size ?? null
      const maybe = { credentials, messageId, document: found, listedSize }
      // A bot sees no line: what came as a file of its own is one, also where it looks like a manifest.
      const isListed = found.road === 'bot-api' && row?.volumes === null && names(row, fileId)
      const joined = isListed ? null : await manifests.open(maybe, signal)
      const {
        name: fileName,
        mimeType,
        size,
      } = joined?.manifest ?? {
        name: found.fileName,
        mimeType: found.mimeType,
        size: found.size,
      }
      const saidName = joined && decodeCaption(caption ?? '', null)?.name
      return {
        ...document,
        ...{ fileName, mimeType, size },
        documentId: found.road === 'bot-api' ? documentIdIn(fileId ?? '') : found.id,
        manifest: joined?.manifest ?? null,
        listedName: row?.name ?? saidName ?? null,
        read:
          joined?.read ??
          ((range, aborts) => reader.read([{ range, document: () => found }], aborts)),
      }
    },
  }
}

/** Whether a file id names the document of a row. */
function names({ fileId, documentId }: LibraryFile, named: string | undefined): boolean {
  if (named === undefined || fileId === null) return false
  return named === fileId || (documentId !== null && documentIdIn(named) === documentId)
}
