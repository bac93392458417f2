import type { ChunkName, ReceivedChunk } from '../../core/ports/spool.ts'

/**
 * Chunks of streams that are whole on this node's disk and that no call has claimed yet. They wait for
 * a moment only: later the stream may have gone on at another node.
 */
export interface WaitingChunks {
  get: (name: ChunkName) => ReceivedChunk | null
  set: (name: ChunkName, chunk: ReceivedChunk) => void
  /** Its bytes are the caller's. */
  forget: (name: ChunkName) => void
  /** Removes the bytes of all chunks of the upload. */
  drop: (uploadId: string) => Promise<void>
}

const WAITING_MS = 60_000

export function createWaitingChunks(now: () => number = () => performance.now()): WaitingChunks {
  const uploads = new Map<string, Map<number, { chunk: ReceivedChunk; since: number }>>()

  function forget({ uploadId, index }: ChunkName): void {
    const chunks = uploads.get(uploadId)
    chunks?.delete(index)
    if (chunks?.size === 0) uploads.delete(uploadId)
  }

  function prune(): void {
    const before = now() - WAITING_MS
    for (const [uploadId, chunks] of uploads) {
      for (const [index, { chunk, since }] of chunks) {
        if (since > before) continue
        forget({ uploadId, index })
        // Never rejects: what stays goes with the next sweep of temporary files.
        void chunk.discard()
      }
    }
  }

  return {
    get: ({ uploadId, index }) => {
      prune()
      return uploads.get(uploadId)?.get(index)?.chunk ?? null
    },
    set: ({ uploadId, index }, chunk) => {
      const chunks = uploads.get(uploadId) ?? new Map()
      uploads.set(uploadId, chunks.set(index, { chunk, since: now() }))
    },
    forget,
    drop: async (uploadId) => {
      const chunks = [...(uploads.get(uploadId)?.values() ?? [])]
      uploads.delete(uploadId)
      for (const { chunk } of chunks) await chunk.discard()
    },
  }
}
