import { AppError } from '../../../errors.ts'
import { MiB } from '../../../lib/units.ts'
import { MAX_VOLUMES } from './manifest.ts'
import { chunksBesideVolumes, fewestBytesToHoldAll } from './window.ts'

/** What of the smaller of spool and share one volume may take: two and a half of them are on the disk. */
const SHARE_OF_ROOM = 2 / 5
const VOLUMES_IN_WINDOW = 2.5

/** How a file is cut into volumes. */
export interface VolumePlan {
  /** Bytes of the whole file. */
  readonly size: number
  /** Bytes of each volume but the last, which has the rest; whole MiB. */
  readonly volumeBytes: number
  readonly count: number
  /** Bytes of disk that the upload may need at one moment: what it reserves. */
  readonly windowBytes: number
}

/** One volume of a file. */
export interface Volume {
  /** From 1 on. */
  readonly number: number
  /** Where in the file it begins. */
  readonly start: number
  readonly length: number
}

export interface VolumeLimits {
  size: number
  /** Bytes of each chunk but the last; the most that they may have where they are not known yet. */
  chunkBytes: number
  /** The largest file that goes as one document and can be read back. */
  documentBytes: number
  /** The largest volume that the operator and the road allow. */
  volumeBytes: number
  /** What the spool can hold: the operator's bound, or what the disk can give. */
  spoolBytes: number
  /** What its owner may have unfinished. */
  shareBytes: number
}

/**
 * How a file goes as volumes; null: it goes as one document. Throws FILE_TOO_LARGE for a file of more
 * volumes than a manifest names. The window may still be more than there is room for: of a spool that
 * holds hardly one chunk.
 */
export function planVolumes(limits: VolumeLimits): VolumePlan | null {
  const { size, chunkBytes, spoolBytes, shareBytes } = limits
  const roomBytes = Math.min(spoolBytes, shareBytes)
  if (size <= limits.documentBytes && size <= roomBytes) return null
  const largest = wholeMiB(limits.volumeBytes)
  const fewest = Math.ceil(size / MAX_VOLUMES / MiB) * MiB
  if (fewest > largest) {
    throw new AppError('FILE_TOO_LARGE', 'The file is larger than its volumes can be together', {
      details: { maxFileSize: largest * MAX_VOLUMES },
    })
  }
  const volumeBytes = Math.max(fittingVolume(limits.volumeBytes, roomBytes, chunkBytes), fewest)
  const windowBytes = Math.max(
    Math.floor(VOLUMES_IN_WINDOW * volumeBytes),
    2 * volumeBytes + chunksBesideVolumes({ volumeBytes, chunkBytes }) * chunkBytes,
  )
  return {
    size,
    volumeBytes,
    count: Math.ceil(size / volumeBytes),
    windowBytes: Math.min(size, windowBytes),
  }
}

type Cut = Pick<VolumePlan, 'size' | 'volumeBytes'>

/** How many volumes the file has. */
export function countVolumes({ size, volumeBytes }: Cut): number {
  return Math.ceil(size / volumeBytes)
}

/** The volume of this number, from 1 on. */
export function volumeAt({ size, volumeBytes }: Cut, number: number): Volume {
  const start = (number - 1) * volumeBytes
  return { number, start, length: Math.min(volumeBytes, size - start) }
}

/** The volume that holds the byte at `offset`, which must be one of the file's. */
export function volumeOf(cut: Cut, offset: number): Volume {
  return volumeAt(cut, Math.floor(offset / cut.volumeBytes) + 1)
}

/** The largest volume of which there is room for two and for the chunks beside them. */
function fittingVolume(maxBytes: number, roomBytes: number, chunkBytes: number): number {
  const fewestToHoldAll = fewestBytesToHoldAll(chunkBytes)
  const fitting = (volumeBytes: number): number => {
    const besides = chunksBesideVolumes({ volumeBytes, chunkBytes }) * chunkBytes
    return wholeMiB(Math.min(maxBytes, SHARE_OF_ROOM * roomBytes, (roomBytes - besides) / 2))
  }
  const large = fitting(fewestToHoldAll)
  if (large >= fewestToHoldAll) return large
  return Math.min(fitting(0), (Math.ceil(fewestToHoldAll / MiB) - 1) * MiB)
}

function wholeMiB(bytes: number): number {
  return Math.max(1, Math.floor(bytes / MiB)) * MiB
}
