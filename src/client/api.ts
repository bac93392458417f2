/**
 * What the client offers. Sizes and offsets are bytes, times are seconds unless a name says
 * otherwise, and every failure is a TeleStoreError, or the signal's reason after an abort.
 */

/** What can be uploaded: a `File` and a `Blob` are such sources; `client/node` makes them of paths. */
export interface UploadSource {
  /** Without one `UploadOptions.fileName` is needed. */
  readonly name?: string | undefined
  readonly size: number
  /** Its media type; empty when it is not known. */
  readonly type?: string | undefined
  /** Epoch ms. Tells a changed file from the one whose upload is to go on. */
  readonly lastModified?: number | undefined
  /** The bytes from `start` up to, not including, `end`. */
  readonly slice: (start: number, end: number) => Blob | Promise<Blob>
}

/** Remembers which upload a file has, so that it goes on after a reload or a crash. */
export interface ResumeStore {
  readonly get: (key: string) => string | null | Promise<string | null>
  readonly set: (key: string, uploadId: string) => void | Promise<void>
  readonly delete: (key: string) => void | Promise<void>
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface UploadOptions extends CallOptions {
  readonly fileName?: string | undefined
  readonly mimeType?: string | undefined
  /** Goes on with this upload if the worker still has it; a new one begins otherwise. */
  readonly uploadId?: string | undefined
  /** Where to look for an upload to go on with. In browsers localStorage by default; null: nowhere. */
  readonly resumeStore?: ResumeStore | null | undefined
  /** Bytes of a chunk, 5 MiB by default. The worker takes up to 50 MiB and 10000 chunks. */
  readonly chunkSize?: number | undefined
  /** Chunks on their way at once, 3 by default. */
  readonly parallel?: number | undefined
  /** Tries for each chunk and call in a row, 10 by default. Waiting while offline does not count. */
  readonly attempts?: number | undefined
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined
}

export type UploadPhase =
  /** Asking the worker what it has. */
  | 'opening'
  | 'sending'
  /** The worker or Telegram asks to wait, or there is no network: see `waiting`. */
  | 'waiting'
  | 'paused'
  /** All bytes are at the worker; the rest happens there. */
  | 'telegram'
  | 'completed'
  | 'failed'
  | 'cancelled'

export interface UploadWait {
  readonly on: 'worker' | 'telegram' | 'network'
  /** As it was asked for; null for as long as there is no network. */
  readonly seconds: number | null
}

/** How far an upload is, for two bars: the way to the worker, and the way into Telegram. */
export interface UploadProgress {
  readonly uploadId: string
  readonly fileName: string
  readonly phase: UploadPhase
  /** At the worker or on the way to it. Falls when a chunk must be sent again. */
  readonly sentBytes: number
  readonly totalBytes: number
  /** Bytes each second on the way to the worker; null until it is known. */
  readonly speed: number | null
  /** Until all bytes are at the worker; null while that is not known. */
  readonly secondsLeft: number | null
  /** 0-100, never falling: what the worker says. Moves while chunks are still being sent. */
  readonly telegramPercent: number
  /** The worker's word: `receiving`, `queued`, `connecting`, `resolving`, `sending`, `posting`, … */
  readonly telegramPhase: string | null
  readonly waiting: UploadWait | null
  /** What is going on, as a sentence for a person. */
  readonly text: string
  readonly error: Error | null
}

export interface UploadResult {
  readonly uploadId: string
  readonly fileName: string
  readonly size: number
  /** The handle for downloads. */
  readonly messageId: number
  readonly fileId: string | null
}

export interface UploadJob {
  /** Changes when the worker has lost the upload and it has to start over. */
  readonly uploadId: string
  readonly progress: UploadProgress
  /**
   * Settles once the file is in Telegram, or cannot get there. Rejects with CANCELLED after
   * `cancel`. A rejection nobody listens to ends no process: `onProgress` tells of it, too.
   */
  readonly done: Promise<UploadResult>
  /** Stops sending; chunks on their way are sent again later. What the worker has goes on. */
  readonly pause: () => void
  readonly resume: () => void
  /** Stops, and makes the worker forget the upload. An abort by `signal` leaves it to go on later. */
  readonly cancel: () => Promise<void>
}

/** What `/upload-progress` says. */
export interface TransferProgress {
  readonly uploadId: string
  readonly status: 'uploading' | 'completed' | 'failed'
  /** Percent, never falling. */
  readonly progress: number
  readonly phase: string | null
  /** `Upload failed: <sentence>`. */
  readonly error: string | null
  /** The sentence alone. */
  readonly reason: string | null
  readonly messageId: number | null
  readonly fileId: string | null
  /** While Telegram asks to wait. */
  readonly retryAfter: number | null
}

export interface UploadStatus {
  readonly uploadId: string
  readonly fileName: string
  readonly size: number | null
  readonly totalChunks: number
  /** Indices of the chunks the worker has, ascending. */
  readonly receivedChunks: readonly number[]
  readonly complete: boolean
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
  /** A whole address that opens this one file, without a login. */
  readonly url: string
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
  /** Makes the worker stop and forget the upload. */
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
