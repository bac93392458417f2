import { KiB, MiB } from '../lib/units.ts'
import { badRequest } from '../rpc-error.ts'
import type { Part, Upload } from '../store/uploads.ts'
import type { FileClaim } from './bytes.ts'

/** The largest part Telegram takes, and the number a part's size must divide. */
export const MAX_PART_SIZE = 512 * KiB

/** Above this size only saveBigFilePart will do, up to it only saveFilePart. */
const SMALL_FILE_LIMIT = 10 * MiB

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
function checkFullPart(size: number): void {
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

/** Refuses parts that are not what a file's claim says of them; returns the size of the whole. */
export function checkParts(given: {
  upload: Upload | null
  parts: readonly Part[]
  claim: FileClaim
}): { upload: Upload; size: number } {
  const { upload, parts, claim } = given
  if (claim.parts < 1) throw badRequest('FILE_PARTS_INVALID')
  const missing = firstMissing(parts, claim.parts)
  if (!upload || missing !== null) throw badRequest(`FILE_PART_${missing ?? 0}_MISSING`)
  if (upload.big !== claim.big) throw badRequest('FILE_PARTS_INVALID')
  if (claim.big ? upload.total !== claim.parts : parts.length !== claim.parts)
    throw badRequest('FILE_PARTS_INVALID')
  checkSizes(parts)
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (size === 0) throw badRequest('FILE_PART_EMPTY')
  if (!claim.big && size > SMALL_FILE_LIMIT) throw badRequest('FILE_PARTS_INVALID')
  // A client that streams cannot know in time that the file will be small.
  if (claim.big && !upload.streamed && size <= SMALL_FILE_LIMIT)
    throw badRequest('FILE_PARTS_INVALID')
  return { upload, size }
}

function firstMissing(parts: readonly Part[], count: number): number | null {
  const there = new Set(parts.map(({ part }) => part))
  for (let part = 0; part < count; part++) if (!there.has(part)) return part
  return null
}

/** "All parts must have the same size", except the last one, which may be shorter. */
function checkSizes(parts: readonly Part[]): void {
  const full = parts.slice(0, -1)
  const partSize = full[0]?.size
  if (partSize === undefined) return
  checkFullPart(partSize)
  if (full.some(({ size }) => size !== partSize)) throw badRequest('FILE_PART_SIZE_CHANGED')
  if ((parts.at(-1)?.size ?? 0) > partSize) throw badRequest('FILE_PART_SIZE_CHANGED')
}
