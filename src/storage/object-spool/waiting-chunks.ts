import type { ChunkName, ReceivedChunk, SpoolUpload } from '../../core/ports/spool.ts'

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
  drop: (upload: SpoolUpload) => Promise<void>
}

const WAITING_MS = 60_000

export function createWaitingChunks(now: () => number = () => performance.now()): WaitingChunks {
  /** By captionId, which no two uploads share. */
  const uploads = new Map<string, Map<number, { chunk: ReceivedChunk; since: number }>>()

  function forget(captionId: string, index: number): void {
    const chunks = uploads.get(captionId)
    chunks?.delete(index)
    if (chunks?.size === 0) uploads.delete(captionId)
  }

  function prune(): void {
    const before = now() - WAITING_MS
    for (const [captionId, chunks] of uploads) {
      for (const [index, { chunk, since }] of chunks) {
        if (since > before) continue
        forget(captionId, index)
        // Never rejects: what stays goes with the next sweep of temporary files.
        void chunk.discard()
      }
    }
  }

  return {
    get: ({ upload, index }) => {
      prune()
      return uploads.get(upload.captionId)?.get(index)?.chunk ?? null
    },
    set: ({ upload, index }, chunk) => {
      const chunks = uploads.get(upload.captionId) ?? new Map()
      uploads.set(upload.captionId, chunks.set(index, { chunk, since: now() }))
    },
    forget: ({ upload, index }) => forget(upload.captionId, index),
    drop: async (upload) => {
      const chunks = [...(uploads.get(upload.captionId)?.values() ?? [])]
      uploads.delete(upload.captionId)
      for (const { chunk } of chunks) await chunk.discard()
    },
  }
}
