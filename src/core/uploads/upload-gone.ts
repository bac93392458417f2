import { AppError } from '../../errors.ts'

/** The end of whatever was at work on an upload that is forgotten: it expired, or gave way. */
export function uploadGone(): AppError {
  return new AppError('UPLOAD_NOT_FOUND', 'The upload does not exist any more')
}
