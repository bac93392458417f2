import type { CallOptions } from '../api.ts'

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
  /** What the worker has acknowledged: a reload loses none of it. */
  readonly storedBytes: number
  readonly totalBytes: number
  /** Bytes each second on the way to the worker; null until it is known. */
  readonly speed: number | null
  /** Until all bytes are at the worker; null while that is not known. */
  readonly secondsLeft: number | null
  /**
   * How much of the file Telegram has accepted: 0-100, to a tenth, never falling; 100 only once the
   * message is posted. Moves while chunks are still being sent.
   */
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
  /** Stops, and makes the worker give the upload up. An abort by `signal` leaves it to go on later. */
  readonly cancel: () => Promise<void>
}

/** What `/upload-progress` says. */
export interface TransferProgress {
  readonly uploadId: string
  readonly status: 'uploading' | 'completed' | 'failed'
  /**
   * The worker's own percent, never falling, over everything it does: up to 30 it looks for the
   * channel, from 90 on it posts the message. People are better told `telegramPercent`.
   */
  readonly progress: number
  /** How much of the file Telegram has accepted: 0-100, to a tenth; 100 only once it is posted. */
  readonly telegramPercent: number
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
  /** SHA-256, hex, of each of them; empty when the worker does not tell. */
  readonly receivedDigests: readonly string[]
  readonly complete: boolean
}
