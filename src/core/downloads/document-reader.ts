import { MiB } from '../../lib/units.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import type { ByteRange } from '../model/byte-range.ts'
import type { RemoteDocument } from '../ports/telegram.ts'
import { type BlockCache, type BlockSlice, UNIT_BYTES } from './block-cache.ts'

const UNITS_PER_BLOCK = MiB / UNIT_BYTES

export interface DocumentReaderOptions {
  cache: BlockCache
  /** Bytes that one reader may have asked for and not yet passed on. */
  maxWindowBytes: number
  /** Bytes that all readers may have ahead together, in equal shares; each may always have a piece. */
  maxTotalBytes: number
}

/** Reads ranges of documents, a window of blocks ahead of the consumer. */
export interface DocumentReader {
  /**
   * The bytes of `range`, in order. Stands still when the consumer does; stops asking Telegram
   * when the consumer leaves or `signal` aborts. What it yields is exactly the range, or it throws.
   * A yielded array is only to be read, and only until the next one is asked for: its memory is used
   * again.
   */
  read: (
    document: RemoteDocument,
    range: ByteRange,
    signal: AbortSignal,
  ) => AsyncGenerator<Uint8Array, void, undefined>
}

export function createDocumentReader(options: DocumentReaderOptions): DocumentReader {
  const { cache, maxWindowBytes, maxTotalBytes } = options
  let readers = 0

  return {
    read: async function* (document, range, signal) {
      const units = unitsOf(range)
      const ahead: BlockSlice[] = []
      let next = units.first
      let bytesAhead = 0
      let window = MiB

      const ask = (count: number): void => {
        for (const slice of cache.request(document, next, Math.min(count, units.end - next))) {
          ahead.push(slice)
          bytesAhead += slice.length
          next += slice.length / UNIT_BYTES
        }
      }
      const fill = (): void => {
        const share = maxTotalBytes / readers
        while (next < units.end && bytesAhead < Math.min(window, share)) ask(unitsAtOnce(share))
      }

      readers++
      try {
        // One unit first: its bytes are here after one short round trip.
        ask(1)
        for (let head = ahead[0]; head; head = ahead[0]) {
          // A consumer that has to wait wants more ahead of it; one that all of it waits for wants less.
          if (!head.ready) window = Math.min(maxWindowBytes, window * 2)
          else if (ahead.every(({ ready }) => ready)) window = Math.max(MiB, window - MiB)
          const bytes = await untilAborted(head.bytes, signal)
          ahead.shift()
          bytesAhead -= head.length
          fill()
          try {
            yield cut(bytes, head.offset, range)
          } finally {
            head.release()
          }
        }
      } finally {
        readers--
        for (const slice of ahead) slice.release()
      }
    },
  }
}

/** A whole block with each request costs least; smaller ones leave memory for many readers. */
function unitsAtOnce(share: number): number {
  if (share >= 2 * MiB) return UNITS_PER_BLOCK
  return share >= MiB ? UNITS_PER_BLOCK / 2 : UNITS_PER_BLOCK / 4
}

function unitsOf({ start, end }: ByteRange): { first: number; end: number } {
  return { first: Math.floor(start / UNIT_BYTES), end: Math.floor(end / UNIT_BYTES) + 1 }
}

function cut(bytes: Uint8Array, offset: number, { start, end }: ByteRange): Uint8Array {
  return bytes.subarray(Math.max(0, start - offset), Math.min(bytes.length, end + 1 - offset))
}
