import { buffers } from '../../../lib/buffer-pool.ts'
import type { TlRequest } from '../connection/gramjs.ts'

/** Constructor numbers of the two methods; the same in every layer. */
const SAVE_FILE_PART = 0xb304a621
const SAVE_BIG_FILE_PART = 0xde7b673d

export interface PartRequestOptions {
  /** Telegram's `file_id` of the upload, decimal text. */
  fileId: string
  part: number
  /** Null for a small file, whose parts are not counted beforehand. */
  totalParts: number | null
  size: number
}

/** A request to save one part, written as TL beforehand so that the bytes are read into place. */
export interface PartRequest extends TlRequest<boolean> {
  /** Where the part's bytes go, `size` of them. */
  readonly body: Buffer
  readonly classType: 'request'
  getBytes: () => Buffer
  readResult: (reader: { tgReadObject: () => unknown }) => boolean
  /** Ends its life: only after the answer, because until then it may be sent again. */
  release: () => void
}

/**
 * `upload.saveBigFilePart` or `upload.saveFilePart`.
 *
 * gramjs would copy a part four times on its way into a request. Here the file is read into the
 * request itself.
 */
export function createPartRequest(options: PartRequestOptions): PartRequest {
  const { fileId, part, totalParts, size } = options
  const prefix = size < 254 ? 1 : 4
  const start = (totalParts === null ? 16 : 20) + prefix
  const bytes = buffers.take(start + size + (-(start + size) & 3))
  bytes.writeUInt32LE(totalParts === null ? SAVE_FILE_PART : SAVE_BIG_FILE_PART, 0)
  bytes.writeBigInt64LE(BigInt(fileId), 4)
  bytes.writeInt32LE(part, 12)
  if (totalParts !== null) bytes.writeInt32LE(totalParts, 16)
  // TL's `bytes`: one byte of length, or 254 and three bytes of it; padded to four.
  if (prefix === 1) bytes.writeUInt8(size, start - 1)
  else bytes.writeUInt32LE(254 + size * 256, start - 4)
  bytes.fill(0, start + size)
  return {
    className: totalParts === null ? 'upload.SaveFilePart' : 'upload.SaveBigFilePart',
    classType: 'request',
    __response: true,
    body: bytes.subarray(start, start + size),
    getBytes: () => bytes,
    readResult: (reader) => reader.tgReadObject() === true,
    release: () => buffers.giveBack(bytes),
  }
}
