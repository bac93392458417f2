import { randomBytes } from 'node:crypto'
import type { ByteRange } from '../../core/model/byte-range.ts'

/** A piece of a `multipart/byteranges` body: literal text, or a range of the file. */
export type BodyPiece = { text: Buffer } | { range: ByteRange }

export interface MultiRangeBody {
  contentType: string
  contentLength: number
  pieces: BodyPiece[]
}

/** Lays out a `multipart/byteranges` body (RFC 9110, section 14.6). */
export function layOutByteranges(
  ranges: readonly ByteRange[],
  { size, contentType }: { size: number; contentType: string },
): MultiRangeBody {
  const boundary = randomBytes(18).toString('base64url')
  const pieces = ranges.flatMap((range, index): BodyPiece[] => {
    const head =
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\n` +
      `Content-Type: ${contentType}\r\n` +
      `Content-Range: ${contentRange(range, size)}\r\n\r\n`
    return [{ text: Buffer.from(head, 'latin1') }, { range }]
  })
  pieces.push({ text: Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1') })
  const contentLength = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0)
  return { contentType: `multipart/byteranges; boundary=${boundary}`, contentLength, pieces }
}

function pieceLength(piece: BodyPiece): number {
  return 'text' in piece ? piece.text.length : rangeLength(piece.range)
}

export function rangeLength({ start, end }: ByteRange): number {
  return end - start + 1
}

export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end}/${size}`
}
