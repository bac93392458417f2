import { KiB } from '../lib/units.ts'
import type { Thumb } from '../store/documents.ts'
import { jpegSize } from './jpeg.ts'

/** A thumbnail is smaller than this. */
export const MAX_THUMB_BYTES = 200 * KiB
const MAX_SIDE = 320
/** Up to this side a thumbnail is of type `s`, above of type `m` (https://core.telegram.org/api/files#image-thumbnail-types). */
const SMALL_SIDE = 100

/**
 * A thumbnail of a document, if the bytes may be one: "in JPEG format and less than 200 kB in
 * size", with no side over 320 (https://core.telegram.org/bots/api#senddocument); else null.
 */
export function toThumb(bytes: Uint8Array): Thumb | null {
  if (bytes.length >= MAX_THUMB_BYTES) return null
  const size = jpegSize(bytes)
  if (!size || size.width < 1 || size.height < 1) return null
  return Math.max(size.width, size.height) > MAX_SIDE ? null : { ...size, bytes }
}

/** The letter by which a download names the thumbnail. */
export const thumbType = ({ width, height }: Thumb): string =>
  Math.max(width, height) > SMALL_SIDE ? 'm' : 's'
