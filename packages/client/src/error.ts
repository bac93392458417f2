/** Codes of failures that no worker has answered with. */
export type ClientErrorCode =
  /** No answer: no network, no such host, a broken connection. */
  | 'NETWORK'
  /** The answer is none of a worker's. */
  | 'BAD_ANSWER'
  /** The file is not the one the upload or download began with. */
  | 'FILE_CHANGED'
  /** Telegram did not take the file; the message says why. */
  | 'UPLOAD_FAILED'
  /** Nobody asked how the upload ended until the worker had forgotten it. */
  | 'UPLOAD_FORGOTTEN'
  | 'CANCELLED'

export interface TeleStoreErrorOptions {
  cause?: unknown
  /** HTTP status; 0 when there was no answer. */
  status?: number | undefined
  /** Seconds. */
  retryAfter?: number | null | undefined
  /** What the answer carried beside `error` and `code`. */
  details?: Readonly<Record<string, unknown>> | undefined
}

/** A refusal of the worker, or no answer at all. The message is a sentence for a person. */
export class TeleStoreError extends Error {
  /** One of the worker's codes (`TOKEN_REFUSED`, `FILE_TOO_LARGE`, …) or a ClientErrorCode. */
  readonly code: string
  readonly status: number
  /** Seconds after which the worker said to come again, or null. */
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

/** Statuses after which the same request may succeed. */
const RETRYABLE_STATUSES = new Set([408, 425, 429, 503, 507])

/**
 * Whether the same request may succeed later. An answer of the worker has a code; one of a proxy
 * before it has none, and its 5xx say only that the worker was not there.
 */
export function isRetryable(error: unknown): error is TeleStoreError {
  if (!(error instanceof TeleStoreError)) return false
  if (error.code === 'NETWORK' || error.code === 'CHUNK_DAMAGED') return true
  if (error.code === 'BAD_ANSWER')
    return error.status >= 500 || RETRYABLE_STATUSES.has(error.status)
  return RETRYABLE_STATUSES.has(error.status)
}

export function isUnknownUpload(error: unknown): boolean {
  return error instanceof TeleStoreError && error.code === 'UPLOAD_NOT_FOUND'
}

/** Whether somebody has given the upload up, here or elsewhere: it must not begin again by itself. */
export function isCancelledUpload(error: unknown): boolean {
  return error instanceof TeleStoreError && error.code === 'UPLOAD_CANCELLED'
}

/** What the progress of such an upload stands for. */
export function cancelledUpload(cause?: unknown): TeleStoreError {
  const sentence = 'The upload was cancelled. Add the file again to send it'
  return new TeleStoreError('UPLOAD_CANCELLED', sentence, { status: 410, cause })
}

/** What an upload that went on from an earlier try may meet, and a new one cannot. */
const OF_AN_OLD_UPLOAD = new Set([
  'UPLOAD_DIFFERS',
  'CHUNK_DIFFERS',
  'CHUNK_SIZE_WRONG',
  'UPLOAD_CLOSED',
])

/** Whether a new upload of the same file helps: the worker has lost this one, or it was another's. */
export function shouldStartOver(error: unknown, wentOn: boolean): boolean {
  if (!(error instanceof TeleStoreError)) return false
  if (isUnknownUpload(error) || error.code === 'SPOOL_DAMAGED') return true
  return wentOn && OF_AN_OLD_UPLOAD.has(error.code)
}
