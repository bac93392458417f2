import type { CallOptions } from '../options.ts'
import type { TransferProgress } from '../uploads/upload-api.ts'

/** A file of the channel. */
export interface LibraryItem {
  readonly messageId: number
  readonly fileName: string
  /** The path of the folder in which it is shown: `/` is the root. */
  readonly folder: string
  readonly size: number
  readonly mimeType: string
  readonly kind: FileKind
  /** When it was posted. */
  readonly createdAt: Date
  /** When the file itself was last changed, as its sender says. */
  readonly modifiedAt: Date | null
  /** Hex. */
  readonly sha256: string | null
  /** Whether the worker has made the digest of the bytes that it sent; else the caption claims it. */
  readonly verified: boolean
  /** Documents that hold the file. */
  readonly volumes: number
  /** Whether there is a small picture of it. */
  readonly thumbnail: boolean
  /** Opens the message in Telegram's apps, for members of the channel. */
  readonly link: string
  readonly postedBy: 'telestore' | 'telegram'
}

export type FileKind = 'video' | 'audio' | 'image' | 'document' | 'archive' | 'other'

export interface LibraryFolder {
  readonly path: string
  readonly name: string
  /** Files in it and in all folders below. */
  readonly files: number
  readonly bytes: number
}

/** How far the library follows the channel. */
export interface LibrarySync {
  /**
   * `never`: the channel has not been read yet. `scanning`: it is being read, and more files may come.
   * `current`: they agreed at `at`. `unavailable`: the worker cannot see the channel's messages, and
   * knows of what was uploaded by it.
   */
  readonly state: 'current' | 'scanning' | 'never' | 'unavailable'
  /** Messages that the reading on its way has read. */
  readonly seen: number
  /** About how many there are, where that is known. */
  readonly total: number | null
  readonly at: Date | null
}

export interface LibraryQuery {
  /** `/` by default. */
  readonly folder?: string | undefined
  /** Words that names must have, without accents and capitals. */
  readonly q?: string | undefined
  /** Also what lies in folders below: by default only with a `q`. */
  readonly recursive?: boolean | undefined
  readonly kind?: FileKind | undefined
  /** `name` by default. */
  readonly sort?: 'name' | 'size' | 'date' | undefined
  /** By default `asc` for names, and `desc` for sizes and dates. */
  readonly order?: 'asc' | 'desc' | undefined
  /** Files of a page, and folders too: 100 by default, 500 at most. */
  readonly limit?: number | undefined
}

export interface LibraryPage {
  readonly items: readonly LibraryItem[]
  readonly folders: readonly LibraryFolder[]
  /** The cursor of the next page, or null. */
  readonly next: string | null
  readonly sync: LibrarySync
}

export interface LibraryPageOptions extends CallOptions {
  /** `next` of the page before, for the same query. */
  readonly cursor?: string | null | undefined
}

/** What is left in the channel of a large file that is no file any more. */
export interface LibraryLeftover {
  /** As it was uploaded. */
  readonly fileName: string
  /** How many of its volumes are there. */
  readonly volumes: number
  /** How many it had. */
  readonly of: number
  readonly bytes: number
  readonly createdAt: Date
  readonly messageIds: readonly number[]
}

type ChangeItems = (
  messageIds: readonly number[],
  folder: string,
  options?: CallOptions,
) => Promise<TransferProgress>

/**
 * The files of the channel, as folders. What is read comes from the worker and does not wait for
 * Telegram. What is changed is changed in Telegram first; calls reject with TOO_MANY_REQUESTS, and
 * `retryAfter`, where Telegram asks to wait.
 */
export interface Library {
  /** One page. Rejects with FOLDER_NOT_FOUND. */
  readonly list: (query?: LibraryQuery, options?: LibraryPageOptions) => Promise<LibraryPage>
  /** All pages, each as it is asked for. */
  readonly pages: (query?: LibraryQuery, options?: CallOptions) => AsyncGenerator<LibraryPage, void>
  /** Rejects with MESSAGE_NOT_FOUND. */
  readonly get: (messageId: number, options?: CallOptions) => Promise<LibraryItem>
  /** A JPEG of at most 320 pixels, or null: there is none. Rejects with MESSAGE_NOT_FOUND. */
  readonly thumbnail: (messageId: number, options?: CallOptions) => Promise<Blob | null>
  /** Renames or moves a file. Rejects with MESSAGE_NOT_FOUND and NOT_EDITABLE. */
  readonly place: (
    messageId: number,
    place: { fileName?: string | undefined; folder?: string | undefined },
    options?: CallOptions,
  ) => Promise<LibraryItem>
  /** Deletes a file in Telegram; one that does not exist counts as deleted. Rejects with NOT_DELETABLE. */
  readonly delete: (messageId: number, options?: CallOptions) => Promise<void>
  /**
   * Moves up to 1,000 files into a folder, which is made where it is missing. Resolves with a job that
   * has begun: `follow` it by its `uploadId`.
   */
  readonly move: ChangeItems
  /** The same, with copies: no bytes are moved. */
  readonly copy: ChangeItems
  /** Deletes up to 1,000 files in Telegram, by a job. */
  readonly deleteItems: (
    messageIds: readonly number[],
    options?: CallOptions,
  ) => Promise<TransferProgress>
  /** Makes a folder and those around it, or finds it. */
  readonly makeFolder: (path: string, options?: CallOptions) => Promise<LibraryFolder>
  /** Renames or moves a folder with all that is in it. Rejects with FOLDER_NOT_FOUND, FOLDER_EXISTS. */
  readonly moveFolder: (path: string, to: string, options?: CallOptions) => Promise<LibraryFolder>
  /**
   * Deletes an empty folder; with `recursive` also all that is in it, and then resolves with a job.
   * Rejects with FOLDER_NOT_FOUND, FOLDER_NOT_EMPTY.
   */
  readonly deleteFolder: (
    path: string,
    options?: CallOptions & { recursive?: boolean | undefined },
  ) => Promise<TransferProgress | null>
  /**
   * Volumes that belong to no file: those of a hundred files at most, the newest first. Nothing deletes
   * them by itself; `deleteItems` does, by their `messageIds`.
   */
  readonly leftovers: (options?: CallOptions) => Promise<readonly LibraryLeftover[]>
  /** Makes the worker read the whole channel again, in the background. */
  readonly rescan: (options?: CallOptions) => Promise<LibrarySync>
}
