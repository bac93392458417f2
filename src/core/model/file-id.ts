import type { StoredDocument } from '../ports/records.ts'

/** Of TDLib's `FileType`; the flags say what follows. */
const DOCUMENT = 5
const HAS_WEB_LOCATION = 1 << 24
const HAS_FILE_REFERENCE = 1 << 25
/** Voice notes, videos, documents, stickers, audio, animations and round videos: documents, all of them. */
const DOCUMENTS = new Set([3, 4, DOCUMENT, 8, 9, 10, 13])
/** Versions of TDLib's format: of its fields, and of the id around them. */
const VERSIONS = Buffer.from([58, 4])
/** The most zeros that TDLib counts together. */
const MAX_ZEROS = 250

/** A Bot API file_id for a document that came by MTProto, as TDLib's `FileManager` writes it. */
export function documentFileId(document: StoredDocument): string {
  const reference = Buffer.from(document.fileReference, 'base64')
  const head = Buffer.alloc(8)
  head.writeInt32LE(DOCUMENT | HAS_FILE_REFERENCE, 0)
  head.writeInt32LE(document.dcId, 4)
  const ids = Buffer.alloc(16)
  ids.writeBigInt64LE(BigInt.asIntN(64, BigInt(document.id)), 0)
  ids.writeBigInt64LE(BigInt.asIntN(64, BigInt(document.accessHash)), 8)
  const fields = Buffer.concat([head, tlBytes(reference), ids])
  return Buffer.concat([countZeros(fields), VERSIONS]).toString('base64url')
}

/** The id of the document that a Bot API file_id names, decimal text; null for any other text. */
export function documentIdIn(fileId: string): string | null {
  const bytes = Buffer.from(fileId, 'base64url')
  if (bytes.at(-1) !== VERSIONS.at(-1)) return null
  const fields = expandZeros(bytes.subarray(0, -1))
  if (fields.length < 8) return null
  const type = fields.readInt32LE(0)
  if (!DOCUMENTS.has(type & 0xff_ffff) || type & HAS_WEB_LOCATION) return null
  const at = 8 + (type & HAS_FILE_REFERENCE ? tlBytesLength(fields.subarray(8)) : 0)
  return at + 8 <= fields.length ? fields.readBigInt64LE(at).toString() : null
}

/** TL's `bytes`: a length in one byte, or in three after 254, and zeros up to a multiple of four. */
function tlBytes(bytes: Buffer): Buffer {
  const { length } = bytes
  const size = length < 254 ? [length] : [254, length & 255, (length >> 8) & 255, length >> 16]
  const zeros = Buffer.alloc((4 - ((size.length + length) % 4)) % 4)
  return Buffer.concat([Buffer.from(size), bytes, zeros])
}

/** How much of the buffer TL's `bytes` take at its beginning. */
function tlBytesLength(bytes: Buffer): number {
  const isLong = bytes[0] === 254 && bytes.length >= 4
  const length = isLong ? 4 + bytes.readUIntLE(1, 3) : 1 + (bytes[0] ?? 0)
  return length + ((4 - (length % 4)) % 4)
}

/** Reads what `countZeros` has written. */
function expandZeros(bytes: Buffer): Buffer {
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0) out.push(Buffer.alloc(bytes[++at] ?? 0))
    else out.push(bytes.subarray(at, at + 1))
  }
  return Buffer.concat(out)
}

/** Writes zeros as a zero and their count. */
function countZeros(bytes: Buffer): Buffer {
  const out: number[] = []
  let zeros = 0
  const flush = (): void => {
    if (zeros > 0) out.push(0, zeros)
    zeros = 0
  }
  for (const byte of bytes) {
    if (byte !== 0 || zeros === MAX_ZEROS) flush()
    if (byte === 0) zeros++
    else out.push(byte)
  }
  flush()
  return Buffer.from(out)
}
