import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import type { ChunkRecord, StreamRecord, Upload } from '../ports/records.ts'

/** How a stream is cut: as browsers cut their files, ten of Telegram's parts. */
export const STREAM_CHUNK_BYTES = 5 * MiB

/** Bytes that come in order and may break off anywhere. */
export interface ByteSource {
  /** Ends early, without an error, after `requestUnlock`. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Whether a piece's memory may be freed once it is used: the source uses none again. */
  readonly mayFree?: boolean
  /** Another request wants the upload: what has come is kept, the rest is not waited for. */
  requestUnlock: () => void
  /** Aborts when the bytes end early. */
  readonly ending: AbortSignal
}

/** Whether it is a piece of another upload, that is never posted by itself. */
export function isPartial(stream: StreamRecord | null): boolean {
  return stream?.concat === 'partial'
}

/** Whether it was made of others; nothing can be added to it. */
export function isJoined(stream: StreamRecord | null): boolean {
  return stream?.concat?.startsWith('final') === true
}

/** Throws INVALID_REQUEST for a piece of another upload. */
export function assertWholeFile(stream: StreamRecord | null): void {
  if (!isPartial(stream)) return
  throw new AppError('INVALID_REQUEST', 'This upload is a part of another, not a file of its own')
}

/** The chunks from the first up to the first that is missing, and how many bytes they are. */
export function contiguous(chunks: readonly ChunkRecord[]): { count: number; bytes: number } {
  const sizes = new Map(chunks.map((chunk) => [chunk.index, chunk.size]))
  let count = 0
  let bytes = 0
  for (let size = sizes.get(0); size !== undefined; size = sizes.get(count)) {
    count++
    bytes += size
  }
  return { count, bytes }
}

/** A stream has failed, and its bytes are gone. */
export function assertNotFailed(upload: Upload): void {
  if (upload.state !== 'failed') return
  throw new AppError('UPLOAD_GONE', `Upload failed: ${upload.reason}`, {
    details: { reason: upload.reason },
  })
}

export interface StreamState {
  readonly upload: Upload
  readonly stream: StreamRecord
  /** How many bytes are safely here, from the first on without a gap. */
  readonly offset: number
}
