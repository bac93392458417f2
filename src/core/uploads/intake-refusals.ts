import { AppError } from '../../errors.ts'
import { START_OVER, uploadCancelled } from '../model/cancellation.ts'
import { chunkDiffers, chunkSizeWrong } from '../model/upload.ts'
import type { AcceptedChunk } from '../ports/ledger.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'

/** What one user may have unfinished at one time. */
export interface UserShare {
  maxUploads: number
  maxBytes: number
}

/** Parts are on the disk as a whole until they are joined; a file that is sent as one need not be. */
const ONE_AFTER_ANOTHER =
  'A file in parts needs room for all of it: send it with parallelUploads: 1'
/** Seconds: what a user has unfinished ends by itself, or by being cancelled. */
const SHARE_RETRY_AFTER = 20

/**
 * One user's share of the worker is used up. Too many uploads are too many requests; too many bytes
 * are no room, as a quota is in WebDAV (RFC 4331, section 6): both pass when another upload ends.
 */
export function overShare(
  held: { uploads: number; bytes: number },
  { maxUploads, maxBytes }: UserShare,
  isPart: boolean,
): AppError {
  if (held.uploads >= maxUploads) {
    return new AppError(
      'TOO_MANY_UPLOADS',
      `You have ${held.uploads} unfinished uploads; finish or cancel one first`,
      { retryAfter: SHARE_RETRY_AFTER, details: { maxUploads } },
    )
  }
  return new AppError(
    'QUOTA_EXCEEDED',
    isPart
      ? `Your unfinished uploads leave no room for this part. ${ONE_AFTER_ANOTHER}`
      : 'Your unfinished uploads leave no room for this file; finish or cancel one first',
    { retryAfter: SHARE_RETRY_AFTER, details: { maxBytes, heldBytes: held.bytes } },
  )
}

/** The spool holds no room for the file, or, with `isPart`, for a part of a file that is joined here. */
export function noCapacity(isPart = false): AppError {
  const sentence = isPart
    ? `The worker has no room for this part now. ${ONE_AFTER_ANOTHER}`
    : 'The worker has no room for this file now; try again later'
  return new AppError('SPOOL_FULL', sentence, { retryAfter: 60 })
}

/** What became of the upload while its chunk was on the way to its row. */
export function notAccepted(
  accepted: Exclude<AcceptedChunk, { kind: 'accepted' }>,
  chunk: Pick<ChunkRecord, 'index' | 'size'>,
): AppError {
  if (accepted.kind === 'differs') {
    if (accepted.chunk !== null) return chunkDiffers(chunk.index)
    return chunkSizeWrong(accepted.upload, chunk, accepted.upload.chunkSize)
  }
  if (accepted.kind === 'gone') return uploadNotFound()
  return accepted.upload.state === 'cancelled' ? uploadCancelled() : closed(accepted.upload)
}

export function uploadNotFound(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'Upload session not found', {
    details: { hint: START_OVER },
  })
}

function closed(upload: Upload): AppError {
  const error = upload.state === 'failed' ? `Upload failed: ${upload.reason}` : 'Upload is complete'
  return new AppError('UPLOAD_CLOSED', `${error}. ${START_OVER}`, { details: { hint: START_OVER } })
}
