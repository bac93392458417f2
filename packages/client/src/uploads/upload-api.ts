import type { CallOptions } from '../options.ts'

/** What can be uploaded: a `File`, a `Blob`, or what `openFile` of `telestore-client/node` returns. */
export interface UploadSource {
  /** Without a name, `UploadOptions.fileName` is needed. */
  readonly name?: string | undefined
  readonly size: number
  /** Its media type; empty when it is not known. */
  readonly type?: string | undefined
  /**
   * Epoch ms, kept in the caption of the file's message. A file with another time is not resumed as
   * the same file.
   */
  readonly lastModified?: number | undefined
  /** The bytes from `start` up to, not including, `end`. */
  readonly slice: (start: number, end: number) => Blob | Promise<Blob>
}

/** Keeps the id of each file's upload, so that the upload is resumed after a reload or a crash. */
export interface ResumeStore {
  readonly get: (key: string) => string | null | Promise<string | null>
  readonly set: (key: string, uploadId: string) => void | Promise<void>
  readonly delete: (key: string) => void | Promise<void>
}

export interface UploadOptions extends CallOptions {
  readonly fileName?: string | undefined
  readonly mimeType?: string | undefined
  /** The folder into which the file goes, such as `/Photos/2026`; missing folders are made. */
  readonly folder?: string | undefined
  /**
   * What happens if the folder has a file of this name: this one gets another name, the upload fails
   * with FILE_EXISTS, or the other file is deleted once this one is in Telegram. By default both stay.
   */
  readonly onConflict?: 'keep-both' | 'reject' | 'replace' | undefined
  /**
   * A small picture of the file, which Telegram shows beside it: a JPEG of at most 320 x 320 pixels and
   * 200 KB without metadata. A function is called when the upload is opened. Whatever is wrong with the
   * picture, the file is sent.
   */
  readonly thumbnail?: Blob | (() => Blob | null | Promise<Blob | null>) | null | undefined
  /** Resumes this upload if the worker still has it; otherwise a new one begins. */
  readonly uploadId?: string | undefined
  /** Where the ids of unfinished uploads are kept: in browsers localStorage by default; null: nowhere. */
  readonly resumeStore?: ResumeStore | null | undefined
  /**
   * Bytes of a chunk, 5 MiB by default. The worker takes up to 50 MiB and 16384 chunks; where the file
   * would be more of them, its chunks are larger.
   */
  readonly chunkSize?: number | undefined
  /** Chunks that are sent at the same time, 3 by default. */
  readonly parallel?: number | undefined
  /**
   * Tries in a row for each chunk and call, 10 by default. Waiting for a network, or for room at the
   * worker, does not count.
   */
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
  /** Seconds until the next try; null while there is no network. */
  readonly seconds: number | null
}

/** The progress of an upload, enough for two bars: to the worker, and into Telegram. */
export interface UploadProgress {
  readonly uploadId: string
  readonly fileName: string
  readonly phase: UploadPhase
  /** Bytes that have left. Falls when a chunk must be sent again. */
  readonly sentBytes: number
  /** Bytes that the worker has acknowledged, which a reload does not lose. */
  readonly storedBytes: number
  readonly totalBytes: number
  /** Bytes per second to the worker; null until it is known. */
  readonly speed: number | null
  /** Seconds until all bytes are at the worker; null while that is not known. */
  readonly secondsLeft: number | null
  /**
   * The percent of the file that Telegram has accepted, to a tenth. It never falls, and is 100 only
   * when the message is posted. It rises while chunks are still being sent.
   */
  readonly telegramPercent: number
  /** The phase as the worker names it: `receiving`, `queued`, `connecting`, `resolving`, `sending`, `posting`, … */
  readonly telegramPhase: string | null
  /** Of a file that goes to Telegram as volumes, until it is posted: the one under way. */
  readonly volume?: VolumeUnderWay
  readonly waiting: UploadWait | null
  /** The state as a sentence for a person. */
  readonly text: string
  readonly error: Error | null
}

export interface UploadResult {
  readonly uploadId: string
  /** With `keep-both` the name that the worker has given it. */
  readonly fileName: string
  readonly size: number
  /** The number of the message, which `download` and `ticket` take. */
  readonly messageId: number
  readonly fileId: string | null
  /** SHA-256 of the file as it was sent to Telegram, hex; null from a worker that does not say it. */
  readonly sha256: string | null
}

export interface UploadJob {
  /** Changes when the upload starts over, because the worker has lost it. */
  readonly uploadId: string
  readonly progress: UploadProgress
  /**
   * Resolves when the file is in Telegram. Rejects when it cannot get there, with CANCELLED after
   * `cancel`. An unhandled rejection does not end the process: `onProgress` reports it as well.
   */
  readonly done: Promise<UploadResult>
  /** Stops sending. Chunks on their way are sent again later. The worker goes on with what it has. */
  readonly pause: () => void
  readonly resume: () => void
  /** Stops, and cancels the upload at the worker. After an abort by `signal` it can be resumed instead. */
  readonly cancel: () => Promise<void>
}

/** The answer of `/upload-progress`. */
export interface TransferProgress {
  readonly uploadId: string
  readonly status: 'uploading' | 'completed' | 'failed'
  /**
   * The worker's percent of the whole job, which never falls: up to 30 it looks for the channel, from
   * 90 on it posts the message. Show `telegramPercent` to people.
   */
  readonly progress: number
  /** The percent of the file that Telegram has accepted, to a tenth; 100 only when it is posted. */
  readonly telegramPercent: number
  readonly phase: string | null
  /** `Upload failed: <sentence>`. */
  readonly error: string | null
  /** The sentence alone. */
  readonly reason: string | null
  readonly messageId: number | null
  readonly fileId: string | null
  /** SHA-256 of the file, hex, once it is posted. */
  readonly sha256: string | null
  /** Seconds, while Telegram asks to wait. */
  readonly retryAfter: number | null
  /** Of a file that goes to Telegram as volumes, until it is posted: the one under way. */
  readonly volume?: VolumeUnderWay
}

export interface VolumeUnderWay {
  /** From 1 on. */
  readonly number: number
  readonly of: number
}

export interface UploadStatus {
  readonly uploadId: string
  readonly fileName: string
  readonly size: number | null
  readonly totalChunks: number
  /** Indices of the chunks that the worker has, ascending. */
  readonly receivedChunks: readonly number[]
  /** SHA-256 of each of them, hex; empty when the worker does not send digests. */
  readonly receivedDigests: readonly string[]
  readonly complete: boolean
}
