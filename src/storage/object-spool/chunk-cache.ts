import type { ReceivedChunk, Spool, SpoolUpload } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'

/** A spool on this node's disk, which may lose anything at any time. */
type LocalSpool = Pick<Spool, 'read' | 'remove'>

/** Copies of chunks on this node's disk, by their digests; the longest unused go first. */
export interface ChunkCache {
  /** Keeps the bytes of a chunk, which it takes over; where the disk refuses, they are dropped. */
  keep: (chunk: ReceivedChunk) => Promise<void>
  /**
   * Fills `target` with bytes from `offset` of the chunk, which `load` brings if it is not here: once,
   * for all that ask at that time. Rejects with SPOOL_DAMAGED where the chunk is shorter, and as
   * `load` does.
   */
  read: (chunk: CachedChunk, load: () => Promise<ReceivedChunk>, place: Place) => Promise<void>
  /** Gives back room on the disk, for so many bytes at least if there are as many. */
  shrink: (bytes: number) => Promise<void>
  drop: (digest: string) => Promise<void>
  readonly bytes: number
  /** Reads that found a copy here, and reads that had to wait for one. */
  readonly reads: { readonly hits: number; readonly misses: number }
}

export interface CachedChunk {
  readonly digest: string
  /** What is wanted of it is within so many bytes. */
  readonly size: number
}

export interface Place {
  readonly offset: number
  readonly target: Uint8Array
}

export interface ChunkCacheOptions {
  local: LocalSpool
  maxBytes: number
}

export function createChunkCache({ local, maxBytes }: ChunkCacheOptions): ChunkCache {
  /** Sizes by digest, the longest unused first. */
  const kept = new Map<string, number>()
  const loading = new Map<string, Promise<void>>()
  /** How many read each chunk at this moment: those stay, also beyond the bound. */
  const readers = createKeyCounts()
  let bytes = 0
  let hits = 0
  let misses = 0

  function forget(digest: string): void {
    bytes -= kept.get(digest) ?? 0
    kept.delete(digest)
  }

  async function drop(digest: string): Promise<void> {
    if (!kept.has(digest)) return
    forget(digest)
    // A file that stays is overwritten by the same bytes, or goes with the next start.
    await local.remove(folderOf(digest)).catch(() => {})
  }

  async function dropOldestUntil(isEnough: () => boolean): Promise<void> {
    for (const digest of [...kept.keys()]) {
      if (isEnough()) return
      if (readers.of(digest) === 0) await drop(digest)
    }
  }

  async function keep(chunk: ReceivedChunk): Promise<void> {
    const { digest, size } = chunk
    try {
      await chunk.claim(folderOf(digest), 0)
    } catch {
      await chunk.discard()
      return
    }
    forget(digest)
    kept.set(digest, size)
    bytes += size
    await dropOldestUntil(() => bytes <= maxBytes)
  }

  function loadOnce(digest: string, load: () => Promise<ReceivedChunk>): Promise<void> {
    const running = loading.get(digest)
    if (running !== undefined) return running
    const started = load()
      .then(keep)
      .finally(() => loading.delete(digest))
    loading.set(digest, started)
    return started
  }

  function readLocal({ digest, size }: CachedChunk, { offset, target }: Place): Promise<void> {
    const known = kept.get(digest)
    if (known !== undefined) {
      kept.delete(digest)
      kept.set(digest, known)
    }
    return local.read(folderOf(digest), { size, chunkSize: size }, offset, target)
  }

  return {
    keep,
    drop,
    read: async (chunk, load, place) => {
      const { digest } = chunk
      const leave = readers.add(digest)
      try {
        if (kept.has(digest)) {
          try {
            await readLocal(chunk, place)
            hits++
            return
          } catch (error) {
            if (!isDamage(error)) throw error
            await drop(digest)
          }
        }
        misses++
        await loadOnce(digest, load)
        await readLocal(chunk, place)
      } finally {
        leave()
      }
    },
    shrink: async (wanted) => {
      const until = bytes - wanted
      await dropOldestUntil(() => bytes <= until)
    },
    get bytes() {
      return bytes
    },
    get reads() {
      return { hits, misses }
    },
  }
}

/** No name that a sender can choose. */
function folderOf(digest: string): SpoolUpload {
  return { id: `chunk-${digest}`, captionId: '' }
}

function isDamage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'SPOOL_DAMAGED'
}
