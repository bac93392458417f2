import { createFileHash } from '../../lib/file-hash.ts'
import { KiB } from '../../lib/units.ts'
import type { Digests } from '../ports/records.ts'
import type { OutgoingFile } from '../ports/telegram.ts'

/** Bytes that are read at once where nothing else reads them. */
const PIECE_BYTES = 512 * KiB

/** A file whose readers feed the digests of the whole. */
export interface DigestedFile {
  /** Reads as the file does. Bytes that are next in order are hashed before it resolves. */
  read: OutgoingFile['read']
  /** For a file that is whole: reads once more what was not hashed yet. Rejects as `read` does. */
  digests: () => Promise<Digests>
}

/**
 * Hashes a file in the order of its bytes, while they are read for another reason. A hash cannot
 * begin in the middle: readers that are ahead of it, because chunks came in another order or a
 * restart lost the hash, are caught up with by reading again.
 */
export function createDigestedFile(
  file: Pick<OutgoingFile, 'size' | 'has' | 'read'>,
  { native }: { native: boolean },
): DigestedFile {
  const fileHash = createFileHash({ native })
  /** Bytes that are hashed. */
  let hashed = 0
  /** Where the read begins that is to be hashed next. */
  let next = 0
  /** The end of the furthest read. */
  let furthest = 0
  /** Resolves when all reads that are to be hashed have been, or have failed. */
  let hashing: Promise<unknown> = Promise.resolve()
  let catchingUp: Promise<void> | null = null
  let result: Digests | null = null

  function hash(offset: number, bytes: Uint8Array): void {
    // A read before it has failed.
    if (offset !== hashed) return
    fileHash.update(bytes)
    hashed += bytes.length
    next = Math.max(next, hashed)
  }

  function readNext(offset: number, target: Uint8Array): Promise<void> {
    next = offset + target.length
    const before = hashing
    const reading = file.read(offset, target).then(
      async () => {
        // The reader may use the memory for something else once this has resolved.
        await before
        hash(offset, target)
      },
      (error: unknown) => {
        next = Math.min(next, offset)
        throw error
      },
    )
    hashing = reading.catch(() => {})
    return reading
  }

  /** Stops where a chunk is missing. */
  async function catchUp(end: () => number): Promise<void> {
    const piece = new Uint8Array(PIECE_BYTES)
    for (;;) {
      const seen = hashing
      await seen
      // Another reader was next meanwhile.
      if (hashing !== seen) continue
      const length = Math.min(PIECE_BYTES, end() - hashed)
      if (length <= 0 || !file.has(hashed, length)) return
      await readNext(hashed, piece.subarray(0, length))
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
    digests: async () => {
      await catchingUp
      await catchUp(() => file.size)
      if (hashed < file.size) throw new Error('a file that is not whole has no digests')
      result ??= fileHash.digest()
      return result
    },
  }
}
