import type { StoredDocument } from '../ports/records.ts'

/** Of TDLib's `FileType`; the flag says that a file reference follows. */
const DOCUMENT = 5
const HAS_FILE_REFERENCE = 1 << 25
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

/** TL's `bytes`: a length in one byte, or in three after 254, and zeros up to a multiple of four. */
function tlBytes(bytes: Buffer): Buffer {
  const { length } = bytes
  const size = length < 254 ? [length] : [254, length & 255, (length >> 8) & 255, length >> 16]
  const zeros = Buffer.alloc((4 - ((size.length + length) % 4)) % 4)
  return Buffer.concat([Buffer.from(size), bytes, zeros])
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
