import type { ChunkRecord } from '../../core/ports/records.ts'
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
  locate: (uploadId: string, index: number) => Promise<LocatedChunk | null>
  /** What this node has stored itself, of late. */
  stored: (uploadId: string, index: number) => LocatedChunk | null
  add: (uploadId: string, chunk: LocatedChunk) => void
  remove: (uploadId: string, index: number) => void
  /** Forgets all that is known of an upload: the rows are asked again. */
  forget: (uploadId: string) => void
}

/** How long rows are good for, where they say what is asked. */
const ROWS_MS = 30_000
/** How long a chunk that was stored here is known without its row. */
const STORED_MS = 60_000
const MAX_UPLOADS = 1_000

export function createChunkIndex(
  acknowledged: (uploadId: string) => Promise<readonly ChunkRecord[]>,
): ChunkIndex {
  const rows = createTtlCache<ReadonlyMap<number, LocatedChunk>>({ maxEntries: MAX_UPLOADS })
  const mine = createTtlCache<Map<number, LocatedChunk>>({ maxEntries: MAX_UPLOADS })

  async function readRows(uploadId: string): Promise<ReadonlyMap<number, LocatedChunk>> {
    const chunks = await acknowledged(uploadId)
    return new Map(chunks.map((chunk) => [chunk.index, { ...chunk, key: null }]))
  }

  const load = (uploadId: string) =>
    rows.load(
      uploadId,
      () => readRows(uploadId),
      () => ROWS_MS,
    )

  const stored = (uploadId: string, index: number): LocatedChunk | null =>
    mine.get(uploadId)?.get(index) ?? null

  return {
    stored,
    locate: async (uploadId, index) => {
      const own = stored(uploadId, index)
      if (own) return own
      const known = (await load(uploadId)).get(index)
      if (known) return known
      // It may have come since, to another node.
      rows.delete(uploadId)
      return (await load(uploadId)).get(index) ?? null
    },
    add: (uploadId, chunk) => {
      const chunks = mine.get(uploadId) ?? new Map<number, LocatedChunk>()
      chunks.set(chunk.index, chunk)
      mine.set(uploadId, chunks, STORED_MS)
    },
    remove: (uploadId, index) => {
      mine.get(uploadId)?.delete(index)
      rows.delete(uploadId)
    },
    forget: (uploadId) => {
      mine.delete(uploadId)
      rows.delete(uploadId)
    },
  }
}
