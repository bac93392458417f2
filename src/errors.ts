/**
 * Every error a caller may see. The code is the contract; the message may change.
 * `retryable` says whether the same request can succeed later without anybody changing it.
 */
const CATALOGUE = {
  INVALID_REQUEST: { status: 400, retryable: false },
  EMPTY_FILE: { status: 400, retryable: false },
  CHUNK_OUT_OF_RANGE: { status: 400, retryable: false },
  CHUNK_SIZE_WRONG: { status: 400, retryable: false },
  /** The bytes are not those the sender has: they were damaged on the way. */
  CHUNK_DAMAGED: { status: 400, retryable: true },
  CHUNKS_MISSING: { status: 400, retryable: false },
  TELEGRAM_NOT_CONFIGURED: { status: 400, retryable: false },
  TOKEN_MISSING: { status: 401, retryable: false },
  TOKEN_REFUSED: { status: 401, retryable: false },
  /** The share asks for a password, and the caller shows nothing that says they know it. */
  SHARE_PASSWORD_NEEDED: { status: 401, retryable: false },
  SHARE_PASSWORD_WRONG: { status: 403, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  /** No account of the user may edit this post, or delete it; `details.right` is what is missing. */
  NOT_EDITABLE: { status: 403, retryable: false },
  NOT_DELETABLE: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  SHARE_NOT_FOUND: { status: 404, retryable: false },
  UPLOAD_NOT_FOUND: { status: 404, retryable: false },
  MESSAGE_NOT_FOUND: { status: 404, retryable: false },
  FOLDER_NOT_FOUND: { status: 404, retryable: false },
  /** The file is there, and Telegram has no small picture of it. */
  THUMBNAIL_NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  REQUEST_TIMEOUT: { status: 408, retryable: true },
  UPLOAD_DIFFERS: { status: 409, retryable: false },
  CHUNK_DIFFERS: { status: 409, retryable: false },
  UPLOAD_CLOSED: { status: 409, retryable: false },
  OFFSET_CONFLICT: { status: 409, retryable: false },
  /** The folder has a file of this name, and the caller wants no second one. */
  FILE_EXISTS: { status: 409, retryable: false },
  FOLDER_EXISTS: { status: 409, retryable: false },
  FOLDER_NOT_EMPTY: { status: 409, retryable: false },
  TOO_MANY_SHARES: { status: 409, retryable: false },
  /** It has expired, was used up, or its owner has ended it or is not signed in any more. */
  SHARE_ENDED: { status: 410, retryable: false },
  UPLOAD_GONE: { status: 410, retryable: false },
  /** The upload was cancelled; only a new one helps. */
  UPLOAD_CANCELLED: { status: 410, retryable: false },
  /** Telegram has not all volumes of the file any more; `details.volume` is the first of those. */
  FILE_INCOMPLETE: { status: 410, retryable: false },
  PROTOCOL_VERSION: { status: 412, retryable: false },
  PRECONDITION_FAILED: { status: 412, retryable: false },
  CHUNK_TOO_LARGE: { status: 413, retryable: false },
  FILE_TOO_LARGE: { status: 413, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retryable: false },
  UPLOAD_LOCKED: { status: 423, retryable: true },
  RANGE_NOT_SATISFIABLE: { status: 416, retryable: false },
  TOO_MANY_REQUESTS: { status: 429, retryable: true },
  TOO_MANY_UPLOADS: { status: 429, retryable: true },
  HEADERS_TOO_LARGE: { status: 431, retryable: false },
  /** The tus protocol's own status; the bytes were thrown away. */
  CHECKSUM_MISMATCH: { status: 460, retryable: true },
  INTERNAL: { status: 500, retryable: false },
  CLIENT_CLOSED_REQUEST: { status: 499, retryable: false },
  BACKEND_UNAVAILABLE: { status: 503, retryable: true },
  TELEGRAM_UNAVAILABLE: { status: 503, retryable: true },
  TELEGRAM_FLOOD_WAIT: { status: 503, retryable: true },
  /** The node of the cluster that has the account or the upload does not answer. */
  PEER_UNAVAILABLE: { status: 503, retryable: true },
  /** What this node has begun for an account is another node's by now, which goes on with it. */
  LEASE_LOST: { status: 503, retryable: true },
  BUSY: { status: 503, retryable: true },
  /** The chunk is further ahead in its file than the upload's window on the disk. */
  WINDOW_FULL: { status: 503, retryable: true },
  SHUTTING_DOWN: { status: 503, retryable: true },
  SPOOL_FULL: { status: 507, retryable: true },
  QUOTA_EXCEEDED: { status: 507, retryable: true },
  SPOOL_FAILED: { status: 503, retryable: true },
  /** Acknowledged bytes are gone from the spool: only a new upload helps. */
  SPOOL_DAMAGED: { status: 500, retryable: false },
  TELEGRAM_SESSION_INVALID: { status: 502, retryable: false },
  TELEGRAM_SESSION_DUPLICATED: { status: 502, retryable: false },
  TELEGRAM_CHANNEL_NOT_FOUND: { status: 502, retryable: false },
  TELEGRAM_FORBIDDEN: { status: 502, retryable: false },
  TELEGRAM_NOT_CONNECTED: { status: 400, retryable: false },
  /** Telegram said no, in words that no table here knows. */
  TELEGRAM_REJECTED: { status: 502, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>

export type ErrorCode = keyof typeof CATALOGUE

/** Every code, in the order of the table. */
export const ERROR_CODES = Object.keys(CATALOGUE) as [ErrorCode, ...ErrorCode[]]

/** The line of the table. */
export function lineOf(code: ErrorCode): { status: number; retryable: boolean } {
  return CATALOGUE[code]
}

export interface AppErrorOptions {
  cause?: unknown
  /** Seconds after which a retry makes sense. */
  retryAfter?: number
  /** The peer as a whole is down, whatever was asked of it: a job does not count this as an attempt. */
  peerDown?: boolean
  /** Fields the answer carries beside `error` and `code`. Never a secret, never a path. */
  details?: Record<string, unknown>
}

/** A failure with a name. Its message is a sentence for a person and holds no secret. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  readonly retryAfter: number | undefined
  readonly peerDown: boolean
  readonly details: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.status = CATALOGUE[code].status
    this.retryable = CATALOGUE[code].retryable
    this.retryAfter = options.retryAfter
    this.peerDown = options.peerDown ?? false
    this.details = options.details ?? {}
  }
}

/** Another node of the cluster has the account. No caller sees it: the call goes there. */
export class AccountElsewhere extends AppError {
  /** Where that node answers others. */
  readonly holder: string

  constructor(holder: string) {
    super('PEER_UNAVAILABLE', 'Another node of this service has the account', { retryAfter: 1 })
    this.name = 'AccountElsewhere'
    this.holder = holder
  }
}

/** What was asked for is not done here any more; the instance that comes next does it. */
export function shuttingDown(): AppError {
  return new AppError('SHUTTING_DOWN', 'The worker is restarting; try again', { retryAfter: 5 })
}

/** What this node was doing another one may do by now. */
export function leaseLost(): AppError {
  return new AppError('LEASE_LOST', 'Another node goes on with this; try again', { retryAfter: 5 })
}

/** The worker cannot begin its work; the message tells its operator why, and what would help. */
export class StartUpError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartUpError'
  }
}
