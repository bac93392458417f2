import { AppError } from '../errors.ts'
import { refusalNamed, sentenceForUnknown } from './refusals.ts'

/** Telegram answered a call with `rpc_error`. `code` is its number, `text` its name. */
export class RpcError extends Error {
  readonly code: number
  readonly text: string

  constructor(code: number, text: string, method: string) {
    super(`${text} (${code}) in answer to ${method}`)
    this.name = 'RpcError'
    this.code = code
    this.text = text
  }
}

export type ConnectionFailure = 'unreachable' | 'closed' | 'timeout' | 'key-unknown'

/** A connection to Telegram failed before it brought an answer. */
export class ConnectionError extends Error {
  readonly reason: ConnectionFailure

  constructor(reason: ConnectionFailure, options?: { cause?: unknown }) {
    super(`connection to Telegram: ${reason}`, options)
    this.name = 'ConnectionError'
    this.reason = reason
  }
}

/** What a failed call means for its caller. */
export type Fault =
  /** Telegram asks this account to wait. */
  | { kind: 'wait'; seconds: number }
  /** The file, or the account, lives in another data centre. */
  | { kind: 'move'; subject: 'file' | 'account'; dcId: number }
  | { kind: 'part-missing'; part: number }
  /** Telegram has none of the file's parts any more, or will not put them together. */
  | { kind: 'parts-lost' }
  | { kind: 'reference-expired' }
  /** This `random_id` has posted a message already. */
  | { kind: 'repeated' }
  /** The access hash is not this account's, or the channel is gone. */
  | { kind: 'channel-unknown' }
  | { kind: 'cdn-token-invalid' }
  /** The session is over: no call under its key can succeed. */
  | { kind: 'key-dead' }
  /** The same call may succeed in a moment. */
  | { kind: 'passing' }
  /** The call will never succeed. */
  | { kind: 'final' }

const NUMBERED: [RegExp, (n: number) => Fault][] = [
  [/^FLOOD_(?:PREMIUM_|TEST_PHONE_)?WAIT_(\d+)$/, (seconds) => ({ kind: 'wait', seconds })],
  [/^SLOWMODE_WAIT_(\d+)$/, (seconds) => ({ kind: 'wait', seconds })],
  [/^FILE_MIGRATE_(\d+)$/, (dcId) => ({ kind: 'move', subject: 'file', dcId })],
  [
    /^(?:USER|PHONE|NETWORK)_MIGRATE_(\d+)$/,
    (dcId) => ({ kind: 'move', subject: 'account', dcId }),
  ],
  [/^FILE_PART_(\d+)_MISSING$/, (part) => ({ kind: 'part-missing', part })],
]

const NAMED: Record<string, Fault['kind']> = {
  FILE_PARTS_INVALID: 'parts-lost',
  FILE_ID_INVALID: 'parts-lost',
  MD5_CHECKSUM_INVALID: 'parts-lost',
  RANDOM_ID_DUPLICATE: 'repeated',
  CHANNEL_INVALID: 'channel-unknown',
  PEER_ID_INVALID: 'channel-unknown',
  CHAT_ID_INVALID: 'channel-unknown',
  FILE_TOKEN_INVALID: 'cdn-token-invalid',
  REQUEST_TOKEN_INVALID: 'cdn-token-invalid',
  AUTH_KEY_UNREGISTERED: 'key-dead',
  AUTH_KEY_INVALID: 'key-dead',
  AUTH_KEY_PERM_EMPTY: 'key-dead',
  AUTH_KEY_DUPLICATED: 'key-dead',
  SESSION_REVOKED: 'key-dead',
  SESSION_EXPIRED: 'key-dead',
  USER_DEACTIVATED: 'key-dead',
  USER_DEACTIVATED_BAN: 'key-dead',
  RPC_CALL_FAIL: 'passing',
  RPC_MCGET_FAIL: 'passing',
  MSG_WAIT_FAILED: 'passing',
  CONNECTION_NOT_INITED: 'passing',
}

/** Reads a failure of one call. AppErrors and everything unknown are final. */
export function faultOf(error: unknown): Fault {
  if (error instanceof ConnectionError) {
    return { kind: error.reason === 'key-unknown' ? 'key-dead' : 'passing' }
  }
  if (!(error instanceof RpcError)) return { kind: 'final' }
  for (const [pattern, toFault] of NUMBERED) {
    const match = pattern.exec(error.text)
    if (match) return toFault(Number(match[1]))
  }
  if (error.text.startsWith('FILE_REFERENCE_')) return { kind: 'reference-expired' }
  const kind = NAMED[error.text]
  if (kind !== undefined) return { kind } as Fault
  // 500 and -503 are Telegram's own failures; -503 comes with the text "Timeout".
  return { kind: Math.abs(error.code) >= 500 ? 'passing' : 'final' }
}

export const SESSION_INVALID = 'Telegram session not authorized'
export const CHANNEL_NOT_FOUND = 'Could not resolve channel ID'

/** The error callers see. An AppError stays what it is; an abort's reason is not an error to translate. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const known = error instanceof RpcError ? refusalNamed(error.text) : null
  if (known) return new AppError(known.code, known.sentence, { cause: error })
  const fault = faultOf(error)
  if (fault.kind === 'wait') return floodWait(fault.seconds, error)
  if (fault.kind === 'key-dead') return sessionInvalid(error)
  if (fault.kind === 'channel-unknown') return channelNotFound(error)
  if (fault.kind === 'passing') return unavailable(error)
  if (error instanceof RpcError) {
    return new AppError('TELEGRAM_REJECTED', sentenceForUnknown(error.text), { cause: error })
  }
  return new AppError('INTERNAL', 'Something went wrong inside the worker', { cause: error })
}

export function sessionInvalid(cause?: unknown): AppError {
  return new AppError('TELEGRAM_SESSION_INVALID', SESSION_INVALID, { cause })
}

export function channelNotFound(cause?: unknown): AppError {
  return new AppError('TELEGRAM_CHANNEL_NOT_FOUND', CHANNEL_NOT_FOUND, { cause })
}

export function unavailable(cause?: unknown): AppError {
  return new AppError('TELEGRAM_UNAVAILABLE', 'Telegram cannot be reached', {
    cause,
    retryAfter: 5,
  })
}

export function floodWait(seconds: number, cause?: unknown): AppError {
  return new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', {
    cause,
    retryAfter: seconds,
  })
}
