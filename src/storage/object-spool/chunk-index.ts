import type { ChunkRecord } from '../../core/ports/records.ts'
import type { SpoolUpload } from '../../core/ports/spool.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'

/** Where a chunk is that was acknowledged, or is about to be. */
export interface LocatedChunk {
  readonly index: number
  readonly digest: string
  readonly size: number
  /** Its object, where this node has stored it itself. */
  readonly key: string | null
}

/**
 * Knows which bytes a chunk of an upload has: what this node has stored a moment ago, and what the
 * ledger's rows say. Rows alone decide: an object that no row names is of no upload.
 */
export interface ChunkIndex {
  /** Null where it is not there. */
  locate: (upload: SpoolUpload, index: number) => Promise<LocatedChunk | null>
  /** What this node has stored itself, of late. */
  stored: (upload: SpoolUpload, index: number) => LocatedChunk | null
  add: (upload: SpoolUpload, chunk: LocatedChunk) => void
  remove: (upload: SpoolUpload, index: number) => void
  /** Forgets all that is known of an upload: the rows are asked again. */
  forget: (upload: SpoolUpload) => void
}

/** How long rows are good for, where they say what is asked. */
const ROWS_MS = 30_000
/** How long a chunk that was stored here is known without its row. */
const STORED_MS = 60_000
const MAX_UPLOADS = 1_000

export function createChunkIndex(
  acknowledged: (uploadId: string) => Promise<readonly ChunkRecord[]>,
): ChunkIndex {
  // By captionId, which no two uploads share.
  const rows = createTtlCache<ReadonlyMap<number, LocatedChunk>>({ maxEntries: MAX_UPLOADS })
  const mine = createTtlCache<Map<number, LocatedChunk>>({ maxEntries: MAX_UPLOADS })

  /**
   * Where the upload is gone and its id was opened again, these are the new one's rows: none of the old
   * one's objects is what they say.
   */
  async function readRows({ id }: SpoolUpload): Promise<ReadonlyMap<number, LocatedChunk>> {
    const chunks = await acknowledged(id)
    return new Map(chunks.map((chunk) => [chunk.index, { ...chunk, key: null }]))
  }

  const load = (upload: SpoolUpload) =>
    rows.load(
      upload.captionId,
      () => readRows(upload),
      () => ROWS_MS,
    )

  const stored = (upload: SpoolUpload, index: number): LocatedChunk | null =>
    mine.get(upload.captionId)?.get(index) ?? null

  return {
    stored,
    locate: async (upload, index) => {
      const own = stored(upload, index)
      if (own) return own
      const known = (await load(upload)).get(index)
      if (known) return known
      // It may have come since, to another node.
      rows.delete(upload.captionId)
      return (await load(upload)).get(index) ?? null
    },
    add: (upload, chunk) => {
      const chunks = mine.get(upload.captionId) ?? new Map<number, LocatedChunk>()
      chunks.set(chunk.index, chunk)
      mine.set(upload.captionId, chunks, STORED_MS)
    },
    remove: (upload, index) => {
      mine.get(upload.captionId)?.delete(index)
      rows.delete(upload.captionId)
    },
    forget: (upload) => {
      mine.delete(upload.captionId)
      rows.delete(upload.captionId)
    },
  }
}
