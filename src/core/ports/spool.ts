/** The sentence for a person whose file has lost bytes that were acknowledged. */
export const BYTES_LOST = 'Some of its bytes were lost. Add the file again'

/**
 * An upload as the spool knows it: every `Upload` is one. An id may be opened again after its upload was
 * deleted; `captionId` is random for each opening. Where many nodes share a spool, one of them may still
 * remove the old upload's chunks, or know of them, while another one has the new one's: they never meet.
 * A spool that belongs to one process goes by the id alone.
 */
export interface SpoolUpload {
  readonly id: string
  readonly captionId: string
}

/** Bytes of one chunk that are on disk under a temporary name and belong to no upload yet. */
export interface ReceivedChunk {
  readonly size: number
  /** SHA-256, hex. */
  readonly digest: string
  /** The bytes once more, from the disk. */
  read: () => AsyncIterable<Uint8Array>
  /** Gives the bytes to an upload: afterwards they are read as that chunk. Ends this object's life. */
  claim: (upload: SpoolUpload, index: number) => Promise<void>
  /**
   * Takes a claim back that could not be written down, so that no chunk stays which was not
   * acknowledged; harmless when the claim itself has failed.
   */
  unclaim: (upload: SpoolUpload, index: number) => Promise<void>
  /** Removes the bytes. Harmless after `claim` and when called twice. */
  discard: () => Promise<void>
}

export interface ReceiveOptions {
  /** More bytes than this reject with CHUNK_TOO_LARGE. */
  maxBytes: number
  /** What the sender has announced. A disk that cannot hold as much takes nothing of it. */
  expectedBytes?: number
  signal: AbortSignal
  /** Whether a piece's memory may be freed once it is written: the source uses none again. */
  mayFree?: boolean
}

export interface AppendOptions {
  /** How large the chunk is once it is whole; the source must not give more than is missing. */
  targetBytes: number
  signal: AbortSignal
  /** Whether a piece's memory may be freed once it is written: the source uses none again. */
  mayFree?: boolean
}

/** A chunk that comes in several pieces, such as a tus client's, and is not acknowledged yet. */
export interface PartialChunk {
  /** Bytes of it that are on disk. */
  readonly size: number
  /** The chunk once it is whole, else null. Only its own upload and index may claim it. */
  readonly whole: ReceivedChunk | null
}

/** The chunk file of one upload. */
export interface ChunkName {
  readonly upload: SpoolUpload
  readonly index: number
}

/** How much the spool's disk can take. Infinite where the system does not say. */
export interface DiskSpace {
  /** Beside what the ledger needs and what is being received at this moment. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** How an upload's bytes are cut. */
export type ChunkLayout = EvenLayout | JoinedLayout

/** All chunks have `chunkSize`, the last one the rest. */
export interface EvenLayout {
  readonly size: number
  readonly chunkSize: number
}

/** A file joined from others: its chunks are theirs, of any size. */
export interface JoinedLayout {
  readonly size: number
  /** Where each chunk begins, ascending. */
  readonly starts: readonly number[]
}

/** Keeps chunk files. The chunk files are the file: nothing is ever merged. */
export interface Spool {
  /**
   * Writes what the source gives to a temporary file, with its digest. Whatever fails leaves
   * nothing behind. Rejects with SPOOL_FULL when the disk is full, SPOOL_FAILED when it fails
   * otherwise, CHUNK_TOO_LARGE, or the source's own error, or the signal's reason.
   */
  receive: (source: AsyncIterable<Uint8Array>, options: ReceiveOptions) => Promise<ReceivedChunk>
  /**
   * Writes what the source gives behind what is there already of this chunk. Whatever fails, the
   * bytes that came before stay, and `partialBytes` tells how many. One call at a time per upload.
   * Rejects as `receive` does.
   */
  append: (
    name: ChunkName,
    source: AsyncIterable<Uint8Array>,
    options: AppendOptions,
  ) => Promise<PartialChunk>
  /** How many bytes of a partial chunk are on disk, also after the process has died. */
  partialBytes: (name: ChunkName) => Promise<number>
  /**
   * Gives a chunk a second name, in place of a file that may have it; its bytes are stored once
   * and stay until both names are removed. Rejects with SPOOL_DAMAGED when it is not there.
   */
  share: (from: ChunkName, to: ChunkName) => Promise<void>
  /**
   * Fills `target` with the upload's bytes from `offset`; the range may cross chunks.
   * Rejects with SPOOL_DAMAGED when a chunk file is missing or short.
   */
  read: (
    upload: SpoolUpload,
    layout: ChunkLayout,
    offset: number,
    target: Uint8Array,
  ) => Promise<void>
  /** The size of one chunk file in bytes, or null when it is not there. */
  chunkFileSize: (upload: SpoolUpload, index: number) => Promise<number | null>
  /** Removes one chunk file; harmless when it is not there. */
  removeChunk: (upload: SpoolUpload, index: number) => Promise<void>
  /** Removes all chunks of an upload and closes what is open; harmless when there are none. */
  remove: (upload: SpoolUpload) => Promise<void>
  /** Removes temporary files that no living request can own. */
  removeTemporary: () => Promise<void>
  /** A moment old at the most. Rejects with SPOOL_FAILED when the disk does not say. */
  space: () => Promise<DiskSpace>
  /**
   * The same of the disk that takes bytes on their way, where uploads have their space elsewhere. Rejects
   * likewise.
   */
  incomingSpace?: () => Promise<DiskSpace>
  /** Rejects with SPOOL_FAILED or SPOOL_FULL when nothing can be written. */
  check: () => Promise<void>
  close: () => Promise<void>
}

/** Folders of uploads, where they belong to one process: those that no upload owns can be told. */
export interface UploadFolders {
  /** Ids of all uploads that have a folder. */
  uploadIds: () => Promise<string[]>
  /** Removes an upload's folder, whichever opening of its id it is of; harmless when there is none. */
  removeFolder: (uploadId: string) => Promise<void>
}

/**
 * What start-up needs beside what the flows need, to put files and ledger in agreement, where both
 * belong to one process.
 */
export interface MaintainedSpool extends Spool, UploadFolders {
  /** Indexes of an upload's chunk files, in no order; empty when there is none. */
  chunkIndexes: (upload: SpoolUpload) => Promise<number[]>
  /** SHA-256 of a chunk file as it is now, hex. Rejects with SPOOL_FAILED. */
  chunkDigest: (upload: SpoolUpload, index: number) => Promise<string>
  /** Indexes of an upload's partial chunks, in no order. */
  partialIndexes: (upload: SpoolUpload) => Promise<number[]>
  /** Removes a partial chunk; harmless when there is none. */
  removePartial: (name: ChunkName) => Promise<void>
  /** Makes a chunk that was not acknowledged a partial one again. */
  toPartial: (name: ChunkName) => Promise<void>
}
