import { AppError } from '../../errors.ts'
import type { Upload } from '../ports/records.ts'

/** Why a cancelled upload ended. Deployed clients see it behind `Upload failed: `. */
export const CANCELLED = 'it was cancelled'

/** What nothing but a new upload can repair; deployed clients show it to their users. */
export const START_OVER = 'Cancel it and add the file again'

/**
 * How many cancelled uploads are remembered, so that a chunk that is late does not bring one back.
 * Beyond these numbers the oldest are forgotten: in all, those of the user who has most.
 */
export const REMEMBERED_CANCELLATIONS = { perOwner: 1_000, inAll: 10_000 }

/** Throws UPLOAD_CANCELLED. A client that knows no other word shows its sentence. */
export function assertNotCancelled({ state }: Pick<Upload, 'state'>): void {
  if (state === 'cancelled') throw uploadCancelled()
}

export function uploadCancelled(): AppError {
  return new AppError(
    'UPLOAD_CANCELLED',
    'This upload was cancelled. Take it off the list and add the file again',
    { details: { hint: START_OVER } },
  )
}

/** The end of whatever was at work on an upload that is forgotten: it expired, or gave way. */
export function uploadGone(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'The upload does not exist any more')
}
