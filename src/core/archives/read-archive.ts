import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { OpenFile } from '../downloads/library-files.ts'
import { type ArchiveLayout, entryAt, piecesOf } from '../model/archive/layout.ts'
import { localHeaderBytes } from '../model/archive/zip.ts'
import type { ByteRange } from '../model/byte-range.ts'
import type { Digests } from '../ports/records.ts'

/** Files that are located before their bytes are needed. */
const AHEAD = 4

export interface ArchiveSource {
  layout: ArchiveLayout
  /** The CRC-32 of an entry that has none in the layout. Called when its bytes have been read. */
  crcOf: (index: number) => number
  /** Rejects where the file is not the one that the layout was made for. */
  open: (index: number, signal: AbortSignal) => Promise<OpenFile>
  read: (file: OpenFile, range: ByteRange, signal: AbortSignal) => AsyncGenerator<Uint8Array>
  /** Whether the digests of an entry are wanted, when all its bytes pass. */
  isMeasured: (index: number) => boolean
  /** Called with the digests of an entry whose bytes have passed; a rejection ends the reading. */
  onMeasured: (index: number, digests: Digests) => Promise<void>
}

/**
 * The bytes of a range of an archive, in order. The first file of it is opened before the first byte;
 * one file at a time is read. What it yields is only to be read, and only until the next is asked for.
 */
export async function* readArchive(
  source: ArchiveSource,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { layout, crcOf } = source
  const files = createOpening(source, range, signal)
  await files.first()
  for (const piece of piecesOf(layout, range, crcOf)) {
    if (piece.kind === 'bytes') yield piece.bytes
    else {
      const { index, range: part } = piece
      const file = await files.take(index)
      const bytes = source.read(file, part, signal)
      const isWhole = part.start === 0 && part.end === file.size - 1
      if (!isWhole || source.isMeasured(index)) yield* bytes
      else yield* measure(bytes, (digests) => source.onMeasured(index, digests))
    }
  }
}

/** Opens the files of a range, some ahead of the one that is taken. */
function createOpening({ layout, open }: ArchiveSource, range: ByteRange, signal: AbortSignal) {
  const opening = new Map<number, Promise<OpenFile>>()
  const files = filesIn(layout, range)

  function openAhead(): void {
    while (opening.size < AHEAD) {
      const next = files.next()
      if (next.done) return
      const started = open(next.value, signal)
      // A file that is never taken may fail unseen.
      started.catch(() => {})
      opening.set(next.value, started)
    }
  }

  return {
    first: async (): Promise<void> => {
      openAhead()
      const [first] = opening.values()
      await first
    },
    take: (index: number): Promise<OpenFile> => {
      const file = opening.get(index) ?? open(index, signal)
      opening.delete(index)
      openAhead()
      return file
    },
  }
}

/** The entries whose files have bytes in the range. */
function* filesIn(layout: ArchiveLayout, range: ByteRange): Generator<number, void, undefined> {
  const { entries, locals } = layout
  for (let index = entryAt(layout, range.start); index < entries.length; index++) {
    const entry = entries[index]
    const start = locals[index] ?? 0
    if (!entry || start > range.end) return
    const body = start + localHeaderBytes(entry)
    if (entry.size > 0 && body <= range.end && body + entry.size > range.start) yield index
  }
}

async function* measure(
  bytes: AsyncGenerator<Uint8Array>,
  onEnd: (digests: Digests) => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sha256 = createHash('sha256')
  let sum = 0
  for await (const piece of bytes) {
    sha256.update(piece)
    sum = crc32(piece, sum)
    yield piece
  }
  await onEnd({ sha256: sha256.digest('hex'), crc32: sum.toString(16).padStart(8, '0') })
}
