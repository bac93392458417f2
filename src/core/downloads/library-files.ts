import type { ByteRange } from '../model/byte-range.ts'
import { documentIdIn } from '../model/file-id.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { Catalogue } from '../ports/catalogue.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'
import type { DocumentReader } from './document-reader.ts'

/** A file that was found in Telegram and can be read. Nothing has to be closed. */
export interface OpenFile extends Omit<RemoteDocument, 'locator'> {
  /** Telegram's own id of the document, decimal text; null where a bot's file_id does not tell it. */
  readonly documentId: string | null
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
  /** Rejects as `TelegramGateway.locate` does. */
  open: (file: FileToOpen, signal: AbortSignal) => Promise<OpenFile>
}

export interface LibraryFilesOptions {
  gateway: Pick<TelegramGateway, 'locate'>
  catalogue: Pick<Catalogue, 'libraryFile'>
  reader: DocumentReader
}

export function createLibraryFiles({
  gateway,
  catalogue,
  reader,
}: LibraryFilesOptions): LibraryFiles {
  return {
    open: async ({ credentials, messageId, fileId: named }, signal) => {
      const row = await catalogue.libraryFile(libraryKeyOf(credentials), messageId)
      const fileId = named ?? row?.fileId ?? undefined
      const found = await gateway.locate(credentials, messageId, signal, fileId)
      const { locator: _, ...document } = found
      return {
        ...document,
        documentId: found.road === 'bot-api' ? documentIdIn(fileId ?? '') : found.id,
        listedName: row?.name ?? null,
        read: (range, aborts) => reader.read([{ range, document: () => found }], aborts),
      }
    },
  }
}
