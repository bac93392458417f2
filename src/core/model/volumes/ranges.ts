import type { ByteRange } from '../byte-range.ts'

/** A range of one volume, by the volume's own bytes. */
export interface VolumeRange extends ByteRange {
  /** Which volume, from 0 on. */
  readonly index: number
}

/** Where the bytes of a range lie in a file's volumes, in order. */
export function rangesOfVolumes(
  volumes: readonly { readonly size: number }[],
  { start, end }: ByteRange,
): VolumeRange[] {
  const ranges: VolumeRange[] = []
  let begin = 0
  for (const [index, { size }] of volumes.entries()) {
    if (begin > end) break
    if (begin + size > start) {
      ranges.push({
        index,
        start: Math.max(0, start - begin),
        end: Math.min(size - 1, end - begin),
      })
    }
    begin += size
  }
  return ranges
}
