import { KiB } from '../../lib/units.ts'
import type { OutgoingFile } from '../ports/telegram.ts'

/** Bytes that are read at once where nothing else reads them. */
const PIECE_BYTES = 512 * KiB

export interface OrderedReader {
  /** Reads as the file does. Bytes that are next in order are passed on before it resolves. */
  read: OutgoingFile['read']
  /** Passes on all bytes up to `end`, or up to the first that is missing. Rejects as `read` does. */
  reach: (end: number) => Promise<void>
  /** All bytes before this one were passed on. */
  readonly reached: number
}

export interface OrderedReaderOptions {
  /** Where the first byte is that is passed on. */
  from?: number
  /** Called with all bytes from there on, each once and in order. */
  onBytes: (bytes: Uint8Array) => void
}

/**
 * Passes on the bytes of a file in their order while they are read for another reason, as a hash needs
 * them. Readers that are ahead of it, because chunks came in another order, are caught up with by
 * reading again.
 */
export function createOrderedReader(
  file: Pick<OutgoingFile, 'has' | 'read'>,
  { from = 0, onBytes }: OrderedReaderOptions,
): OrderedReader {
  /** Bytes that are passed on. */
  let reached = from
  /** Where the read begins whose bytes are to be passed on next. */
  let next = from
  /** The end of the furthest read. */
  let furthest = from
  /** Resolves when all reads whose bytes are to be passed on have been, or have failed. */
  let passing: Promise<unknown> = Promise.resolve()
  let catchingUp: Promise<void> | null = null

  function pass(offset: number, bytes: Uint8Array): void {
    // A read before it has failed.
    if (offset !== reached) return
    onBytes(bytes)
    reached += bytes.length
    next = Math.max(next, reached)
  }

  function readNext(offset: number, target: Uint8Array): Promise<void> {
    next = offset + target.length
    const before = passing
    const reading = file.read(offset, target).then(
      async () => {
        // The reader may use the memory for something else once this has resolved.
        await before
        pass(offset, target)
      },
      (error: unknown) => {
        next = Math.min(next, offset)
        throw error
      },
    )
    passing = reading.catch(() => {})
    return reading
  }

  /** Stops where a chunk is missing. */
  async function catchUp(end: () => number): Promise<void> {
    const piece = new Uint8Array(PIECE_BYTES)
    for (;;) {
      const seen = passing
      await seen
      // Another reader was next meanwhile.
      if (passing !== seen) continue
      const length = Math.min(PIECE_BYTES, end() - reached)
      if (length <= 0 || !file.has(reached, length)) return
      await readNext(reached, piece.subarray(0, length))
    }
  }

  function follow(): void {
    catchingUp ??= catchUp(() => furthest)
      // The next reader, or the end, meets the same failure.
      .catch(() => {})
      .finally(() => {
        catchingUp = null
      })
  }

  return {
    read: (offset, target) => {
      furthest = Math.max(furthest, offset + target.length)
      if (offset === next) return readNext(offset, target)
      if (offset > next) follow()
      return file.read(offset, target)
    },
    reach: async (end) => {
      await catchingUp
      await catchUp(() => end)
    },
    get reached() {
      return reached
    },
  }
}
