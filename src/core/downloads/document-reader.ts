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

/** A range of one document. */
export interface Span {
  readonly range: ByteRange
  /**
   * The document, or where it still has to be located. Called when the span before it is begun: it is
   * here before it is needed.
   */
  readonly document: () => RemoteDocument | Promise<RemoteDocument>
}

/** Reads ranges of documents, a window of blocks ahead of the consumer. */
export interface DocumentReader {
  /**
   * The bytes of the spans, one behind the other, in order. Stands still when the consumer does; stops
   * asking Telegram when the consumer leaves or `signal` aborts. What it yields is exactly the spans, or
   * it throws. A yielded array is only to be read, and only until the next one is asked for: its memory
   * is used again.
   */
  read: (spans: readonly Span[], signal: AbortSignal) => AsyncGenerator<Uint8Array, void, undefined>
}

/** A slice that was asked for, and the range that its bytes are wanted of. */
interface Ahead extends Pick<Span, 'range'> {
  readonly slice: BlockSlice
}

export function createDocumentReader(options: DocumentReaderOptions): DocumentReader {
  const { cache, maxWindowBytes, maxTotalBytes } = options
  let readers = 0

  return {
    read: async function* (spans, signal) {
      const documents = createLocating(spans)
      const ahead: Ahead[] = []
      let at = 0
      let next = firstUnit(spans[at])
      let bytesAhead = 0
      let window = MiB

      /** False where the next document is not located yet. */
      const ask = (count: number): boolean => {
        const span = spans[at]
        const document = documents.here(at)
        if (!span || document === null) return false
        documents.here(at + 1)
        const { range } = span
        const end = Math.floor(range.end / UNIT_BYTES) + 1
        for (const slice of cache.request(document, next, Math.min(count, end - next))) {
          ahead.push({ slice, range })
          bytesAhead += slice.length
          next += slice.length / UNIT_BYTES
        }
        if (next >= end) next = firstUnit(spans[++at])
        return true
      }
      const fill = (): void => {
        const share = maxTotalBytes / readers
        while (at < spans.length && bytesAhead < Math.min(window, share)) {
          if (!ask(unitsAtOnce(share))) return
        }
      }

      readers++
      try {
        for (;;) {
          if (ahead.length === 0) {
            if (at >= spans.length) return
            if (documents.here(at) === null) await untilAborted(documents.located(at), signal)
            // One unit first: its bytes are here after one short round trip. So is what lies behind a
            // border.
            const begun = at
            ask(1)
            if (at > begun) ask(1)
          }
          const [head] = ahead
          if (!head) throw new Error('a span without bytes')
          const { slice, range } = head
          // A consumer that has to wait wants more ahead of it; one that all of it waits for wants less.
          if (!slice.ready) window = Math.min(maxWindowBytes, window * 2)
          else if (ahead.every((one) => one.slice.ready)) window = Math.max(MiB, window - MiB)
          const bytes = await untilAborted(slice.bytes, signal)
          ahead.shift()
          bytesAhead -= slice.length
          fill()
          try {
            yield cut(bytes, slice.offset, range)
          } finally {
            slice.release()
          }
        }
      } finally {
        readers--
        for (const { slice } of ahead) slice.release()
      }
    },
  }
}

/** Locates documents once each, when they are first asked for. */
function createLocating(spans: readonly Span[]) {
  const documents = new Map<number, RemoteDocument | Promise<RemoteDocument>>()

  function locate(index: number): RemoteDocument | Promise<RemoteDocument> | null {
    const span = spans[index]
    if (!span) return null
    const known = documents.get(index)
    if (known !== undefined) return known
    const document = span.document()
    documents.set(index, document)
    if (document instanceof Promise) {
      // Whoever needs it hears of the failure.
      document.then(
        (found) => documents.set(index, found),
        () => {},
      )
    }
    return document
  }

  return {
    /** The document, or null while it is not here. */
    here: (index: number): RemoteDocument | null => {
      const document = locate(index)
      return document instanceof Promise ? null : document
    },
    located: async (index: number): Promise<void> => void (await locate(index)),
  }
}

/** A whole block with each request costs least; smaller ones leave memory for many readers. */
function unitsAtOnce(share: number): number {
  if (share >= 2 * MiB) return UNITS_PER_BLOCK
  return share >= MiB ? UNITS_PER_BLOCK / 2 : UNITS_PER_BLOCK / 4
}

function firstUnit(span: Span | undefined): number {
  return span ? Math.floor(span.range.start / UNIT_BYTES) : 0
}

function cut(bytes: Uint8Array, offset: number, { start, end }: ByteRange): Uint8Array {
  return bytes.subarray(Math.max(0, start - offset), Math.min(bytes.length, end + 1 - offset))
}
