import { KiB } from '../../../lib/units.ts'
import type { ByteRange } from '../byte-range.ts'
import {
  centralHeader,
  centralHeaderBytes,
  dataDescriptor,
  dataDescriptorBytes,
  endOfArchive,
  localHeader,
  localHeaderBytes,
  type ZipEntry,
} from './zip.ts'

/** Where everything lies in an archive. */
export interface ArchiveLayout {
  readonly entries: readonly ZipEntry[]
  /** Bytes of the whole archive. */
  readonly size: number
  /** Where the local header of each entry begins, and behind the last one the central directory. */
  readonly locals: Float64Array
  /** Where the central header of each entry begins, and behind the last one the end record. */
  readonly centrals: Float64Array
}

/** Consecutive bytes of an archive: its own, or a range of the file of an entry. */
export type ArchivePiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'file'; readonly index: number; readonly range: ByteRange }

/** Central headers that are handed out together. */
const DIRECTORY_PIECE_BYTES = 64 * KiB

export function layOutArchive(entries: readonly ZipEntry[]): ArchiveLayout {
  const locals = new Float64Array(entries.length + 1)
  const centrals = new Float64Array(entries.length + 1)
  let at = 0
  for (const [index, entry] of entries.entries()) {
    locals[index] = at
    at += localHeaderBytes(entry) + entry.size + dataDescriptorBytes(entry)
  }
  locals[entries.length] = at
  for (const [index, entry] of entries.entries()) {
    centrals[index] = at
    at += centralHeaderBytes(entry, locals[index] ?? 0)
  }
  centrals[entries.length] = at
  const size = at + endRecord({ entries, locals, centrals }).length
  return { entries, size, locals, centrals }
}

/**
 * The pieces of a range, in order. `crcOf` is asked for the CRC-32 of an entry that has none only when
 * its descriptor or its place in the directory is taken, so after its bytes.
 */
export function* piecesOf(
  layout: ArchiveLayout,
  range: ByteRange,
  crcOf: (index: number) => number,
): Generator<ArchivePiece, void, undefined> {
  const { entries, locals, centrals } = layout
  const directory = locals[entries.length] ?? 0
  if (range.start < directory) {
    for (let index = entryAt(layout, range.start); index < entries.length; index++) {
      if ((locals[index] ?? 0) > range.end) return
      yield* piecesOfEntry(layout, index, { range, crcOf })
    }
  }
  const end = centrals[entries.length] ?? 0
  if (range.end < directory) return
  if (range.start < end) yield* piecesOfDirectory(layout, range, crcOf)
  const last = cut(endRecord(layout), end, range)
  if (last) yield last
}

function* piecesOfEntry(
  { entries, locals }: ArchiveLayout,
  index: number,
  { range, crcOf }: { range: ByteRange; crcOf: (index: number) => number },
): Generator<ArchivePiece, void, undefined> {
  const entry = entries[index]
  if (!entry) return
  const start = locals[index] ?? 0
  const body = start + localHeaderBytes(entry)
  const behind = body + entry.size
  if (range.start < body) {
    const piece = cut(localHeader(entry), start, range)
    if (piece) yield piece
  }
  if (entry.size > 0 && range.start < behind && range.end >= body) {
    const from = Math.max(range.start, body) - body
    yield {
      kind: 'file',
      index,
      range: { start: from, end: Math.min(range.end, behind - 1) - body },
    }
  }
  const descriptor = dataDescriptorBytes(entry)
  if (descriptor > 0 && range.end >= behind && range.start < behind + descriptor) {
    const piece = cut(dataDescriptor(entry, crcOf(index)), behind, range)
    if (piece) yield piece
  }
}

function* piecesOfDirectory(
  { entries, locals, centrals }: ArchiveLayout,
  range: ByteRange,
  crcOf: (index: number) => number,
): Generator<ArchivePiece, void, undefined> {
  const parts: Buffer[] = []
  let index = indexAt(centrals, Math.max(range.start, centrals[0] ?? 0))
  let begins = centrals[index] ?? 0
  let bytes = 0
  for (; index < entries.length && (centrals[index] ?? 0) <= range.end; index++) {
    const entry = entries[index]
    if (!entry) continue
    const part = centralHeader(entry, {
      offset: locals[index] ?? 0,
      crc32: entry.crc32 ?? crcOf(index),
    })
    bytes += part.length
    parts.push(part)
    if (bytes < DIRECTORY_PIECE_BYTES) continue
    const piece = cut(Buffer.concat(parts), begins, range)
    if (piece) yield piece
    begins += bytes
    bytes = 0
    parts.length = 0
  }
  const piece = cut(Buffer.concat(parts), begins, range)
  if (piece) yield piece
}

function endRecord({
  entries,
  locals,
  centrals,
}: Pick<ArchiveLayout, 'entries' | 'locals' | 'centrals'>): Buffer {
  const offset = locals[entries.length] ?? 0
  const bytes = (centrals[entries.length] ?? 0) - offset
  return endOfArchive({ entries: entries.length, offset, bytes })
}

/** What of these bytes, which begin at `at` in the archive, lies in the range. */
function cut(bytes: Buffer, at: number, { start, end }: ByteRange): ArchivePiece | null {
  const inside = bytes.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at))
  return inside.length === 0 ? null : { kind: 'bytes', bytes: inside }
}

/** The entry that this byte belongs to; the number of entries: it is behind all of them. */
export function entryAt({ locals }: ArchiveLayout, at: number): number {
  return indexAt(locals, at)
}

/** The last place of an ascending list that is not behind `at`. */
function indexAt(places: Float64Array, at: number): number {
  let low = 0
  let high = places.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((places[middle] ?? 0) <= at) low = middle
    else high = middle - 1
  }
  return low
}
