/** Codes of errors that the client itself finds. All other codes come from the worker. */
export type ClientErrorCode =
  /** No answer: no network, no such host, a broken connection. */
  | 'NETWORK'
  /** The answer is not one of a worker, such as an error page of a proxy. */
  | 'BAD_ANSWER'
  /** The file has changed since the upload or download began. */
  | 'FILE_CHANGED'
  /** The bytes that came are not those of the file. */
  | 'FILE_DAMAGED'
  /** Telegram did not take the file; the message says why. */
  | 'UPLOAD_FAILED'
  /** The client had no answer for so long that the worker has forgotten how the upload ended. */
  | 'UPLOAD_FORGOTTEN'
  | 'CANCELLED'

export interface TeleStoreErrorOptions {
  cause?: unknown
  /** HTTP status; 0 when there was no answer. */
  status?: number | undefined
  /** Seconds. */
  retryAfter?: number | null | undefined
  /** The other fields of the answer, beside `error` and `code`. */
  details?: Readonly<Record<string, unknown>> | undefined
}

/** An error answer of the worker, or a failure to get an answer. The message is a sentence for a person. */
export class TeleStoreError extends Error {
  /** One of the worker's codes (`TOKEN_REFUSED`, `FILE_TOO_LARGE`, …) or a ClientErrorCode. */
  readonly code: string
  readonly status: number
  /** Seconds that the worker asked to wait, or null. */
  readonly retryAfter: number | null
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, options: TeleStoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TeleStoreError'
    this.code = code
    this.status = options.status ?? 0
    this.retryAfter = options.retryAfter ?? null
    this.details = options.details ?? {}
  }
}

/** Wraps the reason why there is no answer. An error that is a TeleStoreError already stays as it is. */
export function networkError(cause: unknown): TeleStoreError {
  if (cause instanceof TeleStoreError) return cause
  return new TeleStoreError('NETWORK', 'The worker cannot be reached', { cause })
}

/** Statuses after which the same request may succeed. */
const RETRYABLE_STATUSES = new Set([408, 425, 429, 503, 507])

/**
 * Whether the same request may succeed later. An answer of the worker has a code. An answer of a
 * proxy before the worker has none, and its 5xx only say that the worker was not there.
 */
export function isRetryable(error: unknown): error is TeleStoreError {
  if (!(error instanceof TeleStoreError)) return false
  if (error.code === 'NETWORK' || error.code === 'CHUNK_DAMAGED') return true
  if (error.code === 'BAD_ANSWER')
    return error.status >= 500 || RETRYABLE_STATUSES.has(error.status)
  return RETRYABLE_STATUSES.has(error.status)
}

/** Codes of a worker that has no room for the bytes until others have gone to Telegram. */
const OF_NO_ROOM = new Set(['WINDOW_FULL', 'SPOOL_FULL', 'QUOTA_EXCEEDED', 'TOO_MANY_UPLOADS'])

/** Whether the worker waits for room, which may take hours. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof TeleStoreError && OF_NO_ROOM.has(error.code)
}

export function isUnknownUpload(error: unknown): boolean {
  return error instanceof TeleStoreError && error.code === 'UPLOAD_NOT_FOUND'
}

/** Whether the upload was cancelled, here or elsewhere. A cancelled upload must not restart by itself. */
export function isCancelledUpload(error: unknown): boolean {
  return error instanceof TeleStoreError && error.code === 'UPLOAD_CANCELLED'
}

/** The error that the progress of a cancelled upload stands for. */
export function cancelledUpload(cause?: unknown): TeleStoreError {
  const sentence = 'The upload was cancelled. Add the file again to send it'
  return new TeleStoreError('UPLOAD_CANCELLED', sentence, { status: 410, cause })
}

/** Codes that a resumed upload may get, and a new one cannot. */
const OF_RESUMED_UPLOADS = new Set([
  'UPLOAD_DIFFERS',
  'CHUNK_DIFFERS',
  'CHUNK_SIZE_WRONG',
  'UPLOAD_CLOSED',
])

/** Whether a new upload of the same file helps: the worker has lost this one, or it is of another file. */
export function shouldStartOver(error: unknown, isResumed: boolean): boolean {
  if (!(error instanceof TeleStoreError)) return false
  if (isUnknownUpload(error) || error.code === 'SPOOL_DAMAGED') return true
  return isResumed && OF_RESUMED_UPLOADS.has(error.code)
}
