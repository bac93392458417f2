/**
 * What the client offers. Sizes and offsets are bytes, times are seconds unless a name says
 * otherwise, and every failure is a TeleStoreError, or the signal's reason after an abort.
 */

import type {
  TransferProgress,
  UploadJob,
  UploadOptions,
  UploadSource,
  UploadStatus,
} from './uploads/upload-api.ts'

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** First and last byte, both included; without `end` up to the file's end. */
export interface DownloadRange {
  readonly start: number
  readonly end?: number | undefined
}

export interface DownloadOptions extends CallOptions {
  readonly range?: DownloadRange | undefined
  /** The ETag of bytes that are here already: the range counts only if the file is still that one. */
  readonly ifRange?: string | undefined
  readonly fileName?: string | undefined
  /** For a bot that cannot see messages. */
  readonly fileId?: string | undefined
  /** Tries in a row without one new byte, 10 by default; 1: a break ends the body. */
  readonly attempts?: number | undefined
}

export interface Download {
  /** 206 when only `range` comes. With `ifRange`, 200 means that the file is another one. */
  readonly status: 200 | 206
  readonly headers: Headers
  readonly fileName: string | null
  readonly mimeType: string | null
  readonly etag: string | null
  /** Of the whole file. */
  readonly size: number
  /** The bytes that come, both ends included. */
  readonly range: { readonly start: number; readonly end: number }
  /**
   * The bytes, as fast as they are read. A broken connection is taken up again where it broke,
   * never with another file's bytes: then it fails with FILE_CHANGED.
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

export interface Ticket {
  /** An address that opens this one file from here, without a login; whole as ClientOptions' `url` is. */
  readonly url: string
  /** For others: the worker's public address, where it knows it, in place of this client's `url`. */
  readonly link: string
  readonly ticket: string
  readonly expiresAt: Date
}

export interface FollowOptions extends CallOptions {
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

export interface ClientOptions {
  /** Where the worker is, such as `https://worker.example`; empty on the worker's own page. */
  readonly url: string
  /** The login token, or a function that is asked for it before every request. */
  readonly token: string | (() => string | Promise<string>)
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** A worker, as one user's programs see it. */
export interface Client {
  /** Begins at once; the job's `done` has the result. */
  readonly upload: (source: UploadSource, options?: UploadOptions) => UploadJob
  /** Which chunks the worker has. Rejects with UPLOAD_NOT_FOUND. */
  readonly status: (uploadId: string, options?: CallOptions) => Promise<UploadStatus>
  /** How far the upload is now. Rejects with UPLOAD_NOT_FOUND. */
  readonly progress: (uploadId: string, options?: CallOptions) => Promise<TransferProgress>
  /**
   * The same until the upload has ended; resolves with the end, which may be `failed`. By event
   * stream where the worker has one, else it asks every second.
   */
  readonly follow: (uploadId: string, options?: FollowOptions) => Promise<TransferProgress>
  /**
   * Says that all chunks are sent, for an upload whose file is not at hand any more. Rejects with
   * CHUNKS_MISSING while they are not all there; again it is harmless.
   */
  readonly complete: (uploadId: string, options?: CallOptions) => Promise<void>
  /**
   * Makes the worker stop the upload and refuse what still comes for it. Whoever is sending it fails
   * with UPLOAD_CANCELLED. A file that is in Telegram by then stays there.
   */
  readonly cancel: (uploadId: string, options?: CallOptions) => Promise<void>
  /** Resolves with the answer's head. Rejects with MESSAGE_NOT_FOUND, RANGE_NOT_SATISFIABLE, … */
  readonly download: (messageId: number, options?: DownloadOptions) => Promise<Download>
  /** A link to one message's file that may be shared. */
  readonly ticket: (messageId: number, options?: TicketOptions) => Promise<Ticket>
  /** Takes all of this user's links back. */
  readonly revokeTickets: (options?: CallOptions) => Promise<void>
  /** Any other JSON call of the worker, with the token: `path` begins with a slash. */
  readonly get: (path: string, options?: CallOptions) => Promise<unknown>
}
