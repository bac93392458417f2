import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'

/** What Telegram takes (core.telegram.org/bots/api#senddocument). */
export const MAX_THUMBNAIL_BYTES = 200 * KiB
export const MAX_THUMBNAIL_SIDE = 320

/**
 * Throws INVALID_REQUEST unless the bytes are one whole JPEG of at most 320 x 320 pixels and 200 KB,
 * which holds nothing but its picture: no metadata, which may tell a place, and nothing behind its
 * end. Reads the structure (ITU-T T.81, annex B) and decodes nothing, so no size that a header claims
 * costs anything.
 */
export function assertThumbnail(jpeg: Uint8Array): void {
  const flaw = flawOf(jpeg)
  if (flaw === null) return
  throw new AppError('INVALID_REQUEST', `thumbnail: ${flaw}`, { details: { field: 'thumbnail' } })
}

const NO_JPEG = 'is not a JPEG'
const TRUNCATED = 'is a JPEG without its end'

const SOI = 0xd8
const EOI = 0xd9
const SOS = 0xda
const APP0 = 0xe0
const APP14 = 0xee
const COM = 0xfe
/** Tables of Huffman codes and of quantization, and the interval of restarts. */
const TABLES = new Set([0xc4, 0xdb, 0xdd])
/** Baseline, extended sequential, and progressive; others are shown by hardly any program. */
const FRAMES = new Set([0xc0, 0xc1, 0xc2])

const JFIF = 'JFIF\0'
const ADOBE = 'Adobe'

interface Segment {
  marker: number
  /** Behind the length; empty for SOI and EOI, which have none. */
  body: Uint8Array
  /** The first byte behind it. */
  end: number
}

function flawOf(jpeg: Uint8Array): string | null {
  if (jpeg.length > MAX_THUMBNAIL_BYTES) return `is larger than ${MAX_THUMBNAIL_BYTES} bytes`
  if (jpeg[0] !== 0xff || jpeg[1] !== SOI) return NO_JPEG
  let hasFrame = false
  let hasScan = false
  for (let at = 2; ; ) {
    const segment = segmentAt(jpeg, at)
    if (typeof segment === 'string') return segment
    const { marker, body } = segment
    at = segment.end
    if (marker === EOI) {
      if (!hasScan) return NO_JPEG
      return at === jpeg.length ? null : 'has bytes behind its end'
    }
    if (FRAMES.has(marker)) {
      const flaw = hasFrame ? NO_JPEG : frameFlaw(body)
      if (flaw !== null) return flaw
      hasFrame = true
    } else if (marker === SOS) {
      if (!hasFrame || !isScanHeader(body)) return NO_JPEG
      hasScan = true
      at = endOfScan(jpeg, at)
    } else if (isMetadata(marker, body)) {
      return 'has metadata, such as EXIF or a comment: send the picture alone'
    } else if (!TABLES.has(marker) && marker !== APP0 && marker !== APP14) {
      return NO_JPEG
    }
  }
}

/** The segment that begins here, or what is wrong with it. */
function segmentAt(jpeg: Uint8Array, start: number): Segment | string {
  let at = start
  if (at < jpeg.length && jpeg[at] !== 0xff) return NO_JPEG
  // Any number of fill bytes may stand before a marker.
  while (jpeg[at] === 0xff) at++
  const marker = jpeg[at]
  if (marker === undefined) return TRUNCATED
  const from = at + 1
  if (marker === EOI) return { marker, body: new Uint8Array(), end: from }
  const high = jpeg[from]
  const low = jpeg[from + 1]
  if (high === undefined || low === undefined) return TRUNCATED
  const length = high * 256 + low
  if (length < 2) return NO_JPEG
  const end = from + length
  if (end > jpeg.length) return TRUNCATED
  return { marker, body: jpeg.subarray(from + 2, end), end }
}

function frameFlaw(body: Uint8Array): string | null {
  const [precision, heightHigh = 0, heightLow = 0, widthHigh = 0, widthLow = 0, components = 0] =
    body
  if (precision !== 8 || body.length !== 6 + 3 * components) return NO_JPEG
  if (components !== 1 && components !== 3) return 'expected a picture in colour or in grey'
  const width = widthHigh * 256 + widthLow
  const height = heightHigh * 256 + heightLow
  if (width < 1 || height < 1) return NO_JPEG
  if (Math.max(width, height) <= MAX_THUMBNAIL_SIDE) return null
  return `has ${width} x ${height} pixels, expected ${MAX_THUMBNAIL_SIDE} x ${MAX_THUMBNAIL_SIDE} at most`
}

function isScanHeader(body: Uint8Array): boolean {
  const [components = 0] = body
  return components >= 1 && components <= 4 && body.length === 4 + 2 * components
}

/**
 * APP0 says the density of pixels and APP14 the colours, when they are what programs write; each
 * other segment for applications may hold anything.
 */
function isMetadata(marker: number, body: Uint8Array): boolean {
  const begins = (text: string): boolean =>
    Buffer.from(body.subarray(0, text.length)).toString('latin1') === text
  // Longer ones have a picture of their own.
  if (marker === APP0) return !(begins(JFIF) && body.length === 14)
  if (marker === APP14) return !(begins(ADOBE) && body.length === 12)
  return marker === COM || (marker > APP0 && marker <= 0xef)
}

/** The first byte behind the codes of a scan, where the next marker is, or the end of the bytes. */
function endOfScan(jpeg: Uint8Array, start: number): number {
  for (let at = start; ; at++) {
    at = jpeg.indexOf(0xff, at)
    if (at === -1) return jpeg.length
    const next = jpeg[at + 1]
    const isCode = next === 0 || (next !== undefined && next >= 0xd0 && next <= 0xd7)
    if (!isCode && next !== 0xff) return at
  }
}
