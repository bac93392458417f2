/**
 * What the client offers. Sizes and offsets are bytes, times are seconds unless a name says
 * otherwise, and every failure is a TeleStoreError, or the signal's reason after an abort.
 */

import type { Library } from './library/library-api.ts'
import type { ArchiveContent, CallOptions } from './options.ts'
import type { Shares } from './shares.ts'
import type {
  TransferProgress,
  UploadJob,
  UploadOptions,
  UploadSource,
  UploadStatus,
} from './uploads/upload-api.ts'

/** First and last byte, both included; without `end` up to the file's end. */
export interface DownloadRange {
  readonly start: number
  readonly end?: number | undefined
}

export interface DownloadOptions extends CallOptions {
  readonly range?: DownloadRange | undefined
  /** The ETag of the bytes you have: the range is honoured only if the file is still the same. */
  readonly ifRange?: string | undefined
  readonly fileName?: string | undefined
  /** For a bot that cannot see messages, where the worker's library does not know the file. */
  readonly fileId?: string | undefined
  /** Tries in a row without a new byte, 10 by default. With 1 a broken connection ends the body. */
  readonly attempts?: number | undefined
}

export type ArchiveOptions = Omit<DownloadOptions, 'fileId'>

export interface Download {
  /** 206 when the answer is `range`. With `ifRange`, 200 means that the file has changed. */
  readonly status: 200 | 206
  readonly headers: Headers
  readonly fileName: string | null
  readonly mimeType: string | null
  readonly etag: string | null
  /** SHA-256 of the whole file, hex; null where the worker does not know it. */
  readonly sha256: string | null
  /** Bytes of the whole file. */
  readonly size: number
  /** First and last byte of `body`, both included. */
  readonly range: { readonly start: number; readonly end: number }
  /**
   * The bytes, as fast as they are read. A broken download is resumed where it broke. When the file
   * has changed meanwhile, the stream fails with FILE_CHANGED. A whole file whose `sha256` is known is
   * checked as it is read: the stream fails with FILE_DAMAGED in place of its end.
   */
  readonly body: ReadableStream<Uint8Array>
}

export interface TicketOptions extends CallOptions {
  /** Seconds: an hour by default, a week at most. */
  readonly expiresIn?: number | undefined
  readonly fileName?: string | undefined
  readonly disposition?: 'inline' | 'attachment' | undefined
  readonly fileId?: string | undefined
}

export type ArchiveTicketOptions = Omit<TicketOptions, 'fileId' | 'disposition'>

export interface Ticket {
  /** An address that opens this one file or archive without a login. It begins with the `url` of ClientOptions. */
  readonly url: string
  /** The same for other people: with the public address of the worker, where the worker knows it. */
  readonly link: string
  readonly ticket: string
  readonly expiresAt: Date
}

export interface FollowOptions extends CallOptions {
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

/** One user's access to one worker. */
export interface Client {
  /** Starts at once; the `done` of the job resolves with the result. */
  readonly upload: (source: UploadSource, options?: UploadOptions) => UploadJob
  /** The chunks that the worker has. Rejects with UPLOAD_NOT_FOUND. */
  readonly status: (uploadId: string, options?: CallOptions) => Promise<UploadStatus>
  /** The progress of the upload now. Rejects with UPLOAD_NOT_FOUND. */
  readonly progress: (uploadId: string, options?: CallOptions) => Promise<TransferProgress>
  /**
   * Reports the progress until the upload has ended, and resolves with the last one, which may be
   * `failed`. Uses the event stream of the worker where it has one, else asks every second.
   */
  readonly follow: (uploadId: string, options?: FollowOptions) => Promise<TransferProgress>
  /**
   * Completes an upload whose chunks are all sent, for programs that no longer have the file. Rejects
   * with CHUNKS_MISSING while chunks are missing. Calling it again changes nothing.
   */
  readonly complete: (uploadId: string, options?: CallOptions) => Promise<void>
  /**
   * Gives an upload that is not complete yet a small picture, for programs that send it by tus. `upload`
   * has an option for that. Rejects with INVALID_REQUEST for what is no small JPEG, and UPLOAD_CLOSED.
   */
  readonly setThumbnail: (uploadId: string, jpeg: Blob, options?: CallOptions) => Promise<void>
  /**
   * Makes the worker stop the upload and refuse further chunks. A client that is still sending it fails
   * with UPLOAD_CANCELLED. A file that is in Telegram by then stays there.
   */
  readonly cancel: (uploadId: string, options?: CallOptions) => Promise<void>
  /** Resolves when the head of the answer is here. Rejects with MESSAGE_NOT_FOUND, RANGE_NOT_SATISFIABLE, … */
  readonly download: (messageId: number, options?: DownloadOptions) => Promise<Download>
  /** A link to one message's file that may be shared. */
  readonly ticket: (messageId: number, options?: TicketOptions) => Promise<Ticket>
  /**
   * Many files, or a folder, as one ZIP file. An archive whose `headers` say `Accept-Ranges: none` is
   * read again from its start where it breaks. Rejects with MESSAGE_NOT_FOUND, FOLDER_NOT_FOUND, …
   */
  readonly downloadArchive: (content: ArchiveContent, options?: ArchiveOptions) => Promise<Download>
  /** A link to an archive of what is there now, which may be shared. */
  readonly archive: (content: ArchiveContent, options?: ArchiveTicketOptions) => Promise<Ticket>
  /** Links with a page, for people who have no token. */
  readonly shares: Shares
  /** Revokes all links of this user, shares too. */
  readonly revokeTickets: (options?: CallOptions) => Promise<void>
  /** What is in the channel: folders, files, and a search. */
  readonly library: Library
  /** Any other JSON call of the worker, with the token: `path` begins with a slash. */
  readonly get: (path: string, options?: CallOptions) => Promise<unknown>
}
