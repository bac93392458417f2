import type { Part, Upload } from '../store/uploads.ts'

/** The parts as inputFile and inputFileBig describe them. */
export interface FileClaim {
  fileId: string
  parts: number
  big: boolean
  /** Empty: not to be checked. */
  md5: string
}

/** A part as its call brings it. */
export interface IncomingPart {
  part: number
  /** Null: saveFilePart, which gives no total; -1: a stream of unknown length. */
  total: number | null
  bytes: Uint8Array
  maxParts: number
}

/** Keeps the bytes of documents. */
export interface DocumentBytes {
  /** Makes the file at `path` the bytes of a document; it is moved or removed. */
  adopt: (documentId: string, path: string) => Promise<void>
  /** At most `limit` bytes from `offset`; fewer at the end, none after it. */
  read: (documentId: string, offset: number, limit: number) => Promise<Uint8Array>
  /** The bytes from `start` to `end`, both included; everything without a range. */
  stream: (documentId: string, range?: { start: number; end: number }) => AsyncIterable<Uint8Array>
  /** The path of a file with these bytes, for programs on the same disk. */
  localPath: (documentId: string) => Promise<string>
}

/** Keeps the bytes of parts. Their rows, and when each call may run, are the caller's. */
export interface PartBytes {
  /** Chooses where a part goes. */
  place: (upload: Upload, incoming: IncomingPart) => Promise<PlacedPart>
  /** Joins parts that are all there, in their order. Rejects with MD5_CHECKSUM_INVALID. */
  join: (parts: PartsOfFile) => Promise<JoinedParts>
  /** Called before a part of a file is replaced or lost: a document that was made of it stays as it is. */
  reopen: (upload: Upload) => Promise<void>
  /** Forgets parts; all of them, and their upload, without `parts`. */
  remove: (upload: Upload, parts?: readonly number[]) => Promise<void>
  close: () => Promise<void>
}

export interface PlacedPart {
  /** In a file of its own, because its offset in the whole is not known yet. */
  apart: boolean
  /** Runs beside the writes of other parts, and calls `saveRow` when the bytes are there. */
  write: (saveRow: () => void) => Promise<void>
}

export interface PartsOfFile {
  upload: Upload
  claim: FileClaim
  parts: readonly Part[]
  size: number
}

/** Parts that are a whole; one of the two is called. */
export interface JoinedParts {
  toDocument: (documentId: string) => Promise<void>
  read: () => Promise<Uint8Array>
}
