import { KiB, MiB } from '../lib/units.ts'
import type { ByteRange } from './byte-range.ts'
import type { RemoteDocument, TelegramGateway } from './ports.ts'

/** What `upload.getFile` wants offset and limit to be a multiple of. */
const ALIGNMENT = 4 * KiB
/** The first request of a range is small, so that its bytes are here after one round trip. */
const FIRST_BYTES = 128 * KiB

export interface DocumentReaderOptions {
  gateway: Pick<TelegramGateway, 'readBlock'>
  /** Requests ahead of the consumer, each of 1 MiB or less. */
  windowBlocks: number
}

interface Piece {
  offset: number
  length: number
}

/** Reads ranges of documents, a window of blocks ahead of the consumer. */
export interface DocumentReader {
  /**
   * The bytes of `range`, in order. Stands still when the consumer does; stops asking Telegram
   * when the consumer leaves or `signal` aborts. What it yields is exactly the range, or it throws.
   */
  read: (
    document: RemoteDocument,
    range: ByteRange,
    signal: AbortSignal,
  ) => AsyncGenerator<Uint8Array, void, undefined>
}

export function createDocumentReader({
  gateway,
  windowBlocks,
}: DocumentReaderOptions): DocumentReader {
  return {
    read: async function* (document, range, signal) {
      const leaving = new AbortController()
      const either = AbortSignal.any([signal, leaving.signal])
      const inFlight: { piece: Piece; bytes: Promise<Uint8Array> }[] = []
      const pieces = piecesOf(range)
      const ask = (): void => {
        const next = pieces.next()
        if (next.done) return
        const bytes = gateway.readBlock(document, next.value, either)
        // Awaited in order below; one that fails before its turn must not end the process.
        bytes.catch(() => {})
        inFlight.push({ piece: next.value, bytes })
      }
      try {
        for (ask(); inFlight.length > 0; ) {
          const head = inFlight.shift()
          if (!head) return
          const bytes = await head.bytes
          // The window opens once the first bytes are on their way to the consumer.
          while (inFlight.length < windowBlocks) {
            const before = inFlight.length
            ask()
            if (inFlight.length === before) break
          }
          yield cut(bytes, head.piece, range)
        }
      } finally {
        leaving.abort()
      }
    },
  }
}

/** Aligned requests that cover the range, each inside one 1 MiB block, the first one small. */
export function* piecesOf({ start, end }: ByteRange): Generator<Piece> {
  let offset = start - (start % ALIGNMENT)
  let most = FIRST_BYTES
  while (offset <= end) {
    const blockEnd = offset - (offset % MiB) + MiB
    const needed = end + 1 - offset
    const length = Math.min(most, blockEnd - offset, Math.ceil(needed / ALIGNMENT) * ALIGNMENT)
    yield { offset, length }
    offset += length
    most = MiB
  }
}

function cut(bytes: Uint8Array, piece: Piece, { start, end }: ByteRange): Uint8Array {
  const from = Math.max(0, start - piece.offset)
  return bytes.subarray(from, Math.min(piece.length, end + 1 - piece.offset))
}
