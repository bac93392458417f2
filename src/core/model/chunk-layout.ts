import type { ChunkRecord, Upload } from '../ports/records.ts'
import type { ChunkLayout, EvenLayout } from '../ports/spool.ts'

/** Where one chunk lies in its file. */
export interface ChunkPlace {
  readonly index: number
  readonly start: number
  readonly size: number
}

/** How many bytes the chunk at `index` has. */
export function chunkSizeAt({ size, chunkSize }: EvenLayout, index: number): number {
  return Math.min(chunkSize, size - index * chunkSize)
}

/** Bytes that each chunk but the last has at most, where all that is known is how many there are. */
export function largestChunkSize(size: number, totalChunks: number): number {
  return totalChunks < 2 ? size : Math.ceil(size / (totalChunks - 1)) - 1
}

/**
 * Where a chunk ends in its file, and how many bytes it has. Before the first one is here their size is
 * not known: none but the last is smaller than an even share, so the chunk ends there at the soonest.
 */
export function expectedChunk(
  { size, totalChunks, chunkSize }: Pick<Upload, 'size' | 'totalChunks' | 'chunkSize'>,
  index: number,
): { end: number; bytes: number; chunkBytes: number } {
  const chunkBytes = chunkSize ?? Math.ceil(size / totalChunks)
  const end = Math.min(size, (index + 1) * chunkBytes)
  return {
    end,
    bytes: Math.max(0, chunkSizeAt({ size, chunkSize: chunkBytes }, index)),
    chunkBytes,
  }
}

/** The chunk that holds the byte at `offset`, which must be one of the file's. */
export function chunkAt(layout: ChunkLayout, offset: number): ChunkPlace {
  if ('chunkSize' in layout) {
    const index = Math.floor(offset / layout.chunkSize)
    return { index, start: index * layout.chunkSize, size: chunkSizeAt(layout, index) }
  }
  const index = lastAtOrBefore(layout.starts, offset)
  const start = layout.starts[index] ?? 0
  return { index, start, size: (layout.starts[index + 1] ?? layout.size) - start }
}

/**
 * How the bytes of an upload are cut, or null while nobody can say. Only a file that was joined
 * from others has all its chunks and no common size.
 */
export function layoutOf(
  { size, chunkSize, totalChunks }: Upload,
  chunks: readonly ChunkRecord[],
): ChunkLayout | null {
  if (chunkSize !== null) return { size, chunkSize }
  if (chunks.length === 0 || chunks.length < totalChunks) return null
  let start = 0
  const starts = chunks
    .toSorted((a, b) => a.index - b.index)
    .map((chunk) => {
      const here = start
      start += chunk.size
      return here
    })
  return { size, starts }
}

/** Index of the last of these ascending numbers that is not above `offset`. */
function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
