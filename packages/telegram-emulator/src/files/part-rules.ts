import { KiB } from '../lib/units.ts'
import { badRequest } from '../rpc-error.ts'
import type { Upload } from '../store/uploads.ts'

/** The largest part Telegram takes, and the number a part's size must divide. */
export const MAX_PART_SIZE = 512 * KiB

export interface PartClaim {
  part: number
  size: number
  /** null: saveFilePart, which gives no total; -1: a stream of unknown length. */
  total: number | null
  maxParts: number
}

/**
 * Refuses what `upload.saveFilePart` and `upload.saveBigFilePart` refuse
 * (https://core.telegram.org/api/files#uploading-files).
 */
export function checkPart({ part, size, total, maxParts }: PartClaim): void {
  if (part < 0 || part >= maxParts) throw badRequest('FILE_PART_INVALID')
  if (total !== null) {
    if (total !== -1 && (total < 1 || total > maxParts)) throw badRequest('FILE_PARTS_INVALID')
    if (total !== -1 && part >= total) throw badRequest('FILE_PART_INVALID')
  }
  if (size > MAX_PART_SIZE) throw badRequest('FILE_PART_TOO_BIG')
  const isLast = total !== null && part === total - 1
  // A stream that ends on a part's border has an empty last part.
  if (size === 0 && !(isLast && part > 0)) throw badRequest('FILE_PART_EMPTY')
  if (total !== null && !isLast) checkFullPart(size)
}

/** All parts but the last: `size % 1024 = 0` and `524288 % size = 0`. */
export function checkFullPart(size: number): void {
  if (size % KiB !== 0 || MAX_PART_SIZE % size !== 0) throw badRequest('FILE_PART_SIZE_INVALID')
}

/** Refuses a part that contradicts earlier parts of the same file_id. */
export function checkAgainst(upload: Upload, { part, size, total }: PartClaim): void {
  if (upload.big !== (total !== null)) throw badRequest('FILE_PARTS_INVALID')
  if (total === null) return
  if (upload.total !== -1 && total !== upload.total) throw badRequest('FILE_PARTS_INVALID')
  const isLast = part === total - 1
  if (upload.partSize === 0) return
  if (isLast ? size > upload.partSize : size !== upload.partSize)
    throw badRequest('FILE_PART_SIZE_CHANGED')
}
