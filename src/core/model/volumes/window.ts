import { MiB } from '../../../lib/units.ts'
import type { Upload } from '../../ports/records.ts'

/** Where the volumes of an upload end that are posted. */
export function postedBytesOf({
  size,
  volumeBytes,
  postedVolumes,
}: Pick<Upload, 'size' | 'volumeBytes' | 'postedVolumes'>): number {
  return Math.min(size, postedVolumes * (volumeBytes ?? 0))
}

/** What of an upload that goes as volumes may be on the disk, at one moment. */
export interface VolumeWindow {
  /** Bytes of the whole file. */
  readonly size: number
  readonly volumeBytes: number
  /** Bytes of each chunk but the last. */
  readonly chunkBytes: number
  /** Where the volumes end that are posted, from the first on without a gap. */
  readonly posted: number
}

/**
 * Up to where in the file chunks are taken: those of the two lowest volumes that are not posted. A
 * chunk that is larger than a volume is taken with the volume that it completes.
 */
export function reachOf({ size, volumeBytes, chunkBytes, posted }: VolumeWindow): number {
  const lowest = Math.ceil((posted + volumeBytes) / chunkBytes) * chunkBytes
  return Math.min(size, Math.max(posted + 2 * volumeBytes, lowest))
}

/** Chunks that one sender has on their way at once, in all clients that are known. */
const SENDERS = 8

type Cut = Pick<VolumeWindow, 'volumeBytes' | 'chunkBytes'>

/**
 * Whether a volume has so many chunks that all senders of a file may be ahead of it at once. Those of
 * a small volume, such as a bot's, may be more than half of it, and a sender that is refused three
 * times gives up long before a volume is posted.
 */
export function holdsAllSenders({ volumeBytes, chunkBytes }: Cut): boolean {
  return volumeBytes >= fewestBytesToHoldAll(chunkBytes)
}

export function fewestBytesToHoldAll(chunkBytes: number): number {
  return Math.max((SENDERS / 2) * chunkBytes, 2 * MiB)
}

/** Chunks that may be on the disk beside two volumes: those held, and one across the border of what was freed. */
export function chunksBesideVolumes(cut: Cut): number {
  return (holdsAllSenders(cut) ? SENDERS : 1) + 1
}

/**
 * How many bytes of chunks beyond reach may wait on the disk: half a volume, less what the chunk
 * takes that lies across the border of the last posted volume, but always one chunk, and where the
 * volume has many those of all senders. A sender of one chunk after another lives by that one.
 */
export function heldBytesOf(window: VolumeWindow): number {
  const { volumeBytes, chunkBytes, posted } = window
  const chunks = chunksBesideVolumes(window) - 1
  return Math.max(chunks * chunkBytes, volumeBytes / 2 - (posted % chunkBytes))
}

/** A request whose chunk is beyond reach and whose answer waits. */
export interface HeldChunk {
  /** Where in the file the chunk ends. */
  readonly end: number
  readonly bytes: number
  /** How often requests with this chunk have had to give way before. */
  readonly gaveWay: number
}

/** How the requests of one upload stand while some of them are held. */
export interface Holding<Held extends HeldChunk> {
  readonly held: readonly Held[]
  /** Whether all of the lowest volume that is not posted is here, so that Telegram's turn is next. */
  readonly lowestIsWhole: boolean
  /** Whether bytes come from a sender of a held request, which may be what is missing. */
  readonly receiving: boolean
  /** Whether a request has come from such a sender since the last one gave way, or none has yet. */
  readonly cameSince: boolean
  /** Milliseconds since the last one gave way; before that, since the first of them is held. */
  readonly sinceMs: number
}

/** What is on its way on another connection is seen by then. */
export const SETTLES_MS = 250
/** A sender whose bytes never end, or that does not come back, keeps the others waiting for so long. */
export const OVERDUE_MS = 10_000

/**
 * The held request that has to give way, or null. A browser opens six connections to one address: once
 * all of them are held, the chunk that all of them wait for never comes. One gives way at a time, and
 * the next one once its connection was taken by another. It is one that has done so least often, of
 * these the one furthest ahead, because senders give up after a few refusals.
 */
export function givesWay<Held extends HeldChunk>(holding: Holding<Held>): Held | null {
  const { held, lowestIsWhole, receiving, cameSince, sinceMs } = holding
  const [first, ...others] = held
  if (lowestIsWhole || first === undefined) return null
  const isNext = !receiving && cameSince && sinceMs >= SETTLES_MS
  if (!isNext && sinceMs < OVERDUE_MS) return null
  return others.reduce((least, one) => (yieldsBefore(one, least) ? one : least), first)
}

function yieldsBefore(one: HeldChunk, other: HeldChunk): boolean {
  if (one.gaveWay !== other.gaveWay) return one.gaveWay < other.gaveWay
  return one.end > other.end
}

/**
 * What becomes of a chunk that is beyond reach and has come: it is held, and in its place some are
 * refused that are further ahead (none, mostly); or, null, it is refused itself.
 */
export function heldInstead<Held extends HeldChunk>(
  held: readonly Held[],
  chunk: Pick<HeldChunk, 'end' | 'bytes'>,
  maxBytes: number,
): Held[] | null {
  const furthestFirst = held.filter(({ end }) => end > chunk.end).sort((a, b) => b.end - a.end)
  let total = held.reduce((sum, { bytes }) => sum + bytes, chunk.bytes)
  const refused: Held[] = []
  for (const one of furthestFirst) {
    if (total <= maxBytes) break
    refused.push(one)
    total -= one.bytes
  }
  return total <= maxBytes ? refused : null
}
