/**
 * What one node tells another of an upload, so that it need not look at the rows first. All of it is in
 * the rows as well: what does not arrive is found there a second later.
 */
export interface UploadNews {
  readonly uploadId: string
  /** Bytes of each chunk but the last, where that is known. */
  readonly chunkSize: number | null
  /** Chunks that were acknowledged. */
  readonly chunks: readonly number[]
  /** Whether there is more to read in the rows: it was sealed, or wants to be carried. */
  readonly look: boolean
}

export function mergeNews(earlier: UploadNews | undefined, later: UploadNews): UploadNews {
  if (!earlier) return later
  return {
    uploadId: later.uploadId,
    chunkSize: later.chunkSize ?? earlier.chunkSize,
    chunks: [...earlier.chunks, ...later.chunks],
    look: earlier.look || later.look,
  }
}

/** The body of a `wake`; what is no news is left out. */
export function parseNews(body: unknown): UploadNews[] {
  const uploads = isRecord(body) && Array.isArray(body.uploads) ? body.uploads : []
  return uploads.filter(isNews)
}

function isNews(value: unknown): value is UploadNews {
  if (!isRecord(value)) return false
  const { uploadId, chunkSize, chunks, look } = value
  return (
    typeof uploadId === 'string' &&
    (chunkSize === null || isCount(chunkSize)) &&
    Array.isArray(chunks) &&
    chunks.every(isCount) &&
    typeof look === 'boolean'
  )
}

/** The body of a `stop`; null: it is none. */
export function parseStop(body: unknown): { uploadId: string; isCancelled: boolean } | null {
  if (!isRecord(body)) return null
  const { uploadId, isCancelled } = body
  if (typeof uploadId !== 'string' || typeof isCancelled !== 'boolean') return null
  return { uploadId, isCancelled }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
