import { AppError } from '../../errors.ts'
import { START_OVER, uploadCancelled } from '../model/cancellation.ts'
import type { AcceptedChunk } from '../ports/ledger.ts'
import type { Upload } from '../ports/records.ts'

/** What one user may have unfinished at one time. */
export interface UserShare {
  maxUploads: number
  maxBytes: number
}

/** Seconds: what a user has unfinished ends by itself, or by being cancelled. */
const SHARE_RETRY_AFTER = 60

/**
 * One user's share of the worker is used up. Too many uploads are too many requests; too many bytes
 * are no room, as a quota is in WebDAV (RFC 4331, section 6): both pass when another upload ends.
 */
export function overShare(
  held: { uploads: number; bytes: number },
  { maxUploads, maxBytes }: UserShare,
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
    'Your unfinished uploads leave no room for this file; finish or cancel one first',
    { retryAfter: SHARE_RETRY_AFTER, details: { maxBytes, heldBytes: held.bytes } },
  )
}

/** What became of the upload while its chunk was on the way to its row. */
export function notAccepted(accepted: Exclude<AcceptedChunk, { kind: 'accepted' }>): AppError {
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
