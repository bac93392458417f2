import { TelegramApiError } from 'node-telegram-bot-api'
import { AppError } from '../../errors.ts'
import type { PeerHealth } from '../../lib/waiting/circuit-breaker.ts'
import { CHANNEL_NOT_FOUND, unavailable } from '../errors.ts'
import { namesIn, refusalNamed, sentenceForUnknown } from '../refusals.ts'
import type { ExchangeTrace } from './node-fetch.ts'

/** What a failed call means for the next one. */
export type Failure =
  /** The same call can never succeed. */
  | { kind: 'final'; error: AppError }
  /** Telegram has not acted on it; with `waitSeconds` it says when it will. */
  | { kind: 'again'; error: AppError; waitSeconds: number | null }
  /** Telegram had the whole request, and what became of it is unknown. */
  | { kind: 'doubtful'; error: AppError }

/** One call: what it asks, what is known of its exchange, and the token, which must not be shown. */
export interface FailedCall {
  /** `file`: about a file that the bot may read. `post`: for a message. */
  asks: 'file' | 'post'
  trace: ExchangeTrace
  token: string
}

/** Translates whatever node-telegram-bot-api threw. The bot token is in its URLs: it stays here. */
export function classify(error: unknown, call: FailedCall): Failure {
  const { trace, token } = call
  const own = findAppError(error)
  if (own) return { kind: 'final', error: own }
  const options = { cause: withoutToken(error, token) }
  const api = error instanceof TelegramApiError ? error : null
  const status = api?.errorCode ?? trace.status
  if (status === 413) {
    const sentence = 'The file is too large for the Telegram Bot API'
    return final(new AppError('FILE_TOO_LARGE', sentence, options))
  }
  if (api && status === 429) {
    const retryAfter = Math.max(1, api.retryAfter ?? 1)
    const flood = { ...options, retryAfter }
    return {
      kind: 'again',
      error: new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', flood),
      waitSeconds: retryAfter,
    }
  }
  // Said of a file that is gone for good as well: a few tries tell the two apart.
  if (api && status === 400 && /temporarily unavailable/i.test(api.description ?? '')) {
    return { kind: 'again', error: unavailable(options.cause), waitSeconds: null }
  }
  if (api && api.errorCode < 500) return final(toRefusal(api, call))
  return transient(trace, status, api !== null, options.cause)
}

/**
 * What a failure says about the Bot API as a whole. A refusal, a flood and every status of the
 * 400s are answers; a failure of our own spool says nothing.
 */
export function healthAfter({ error }: Failure, { status }: ExchangeTrace): PeerHealth {
  if (!error.code.startsWith('TELEGRAM_') && error.code !== 'FILE_TOO_LARGE') return 'unknown'
  if (error.code !== 'TELEGRAM_UNAVAILABLE') return 'healthy'
  return status !== null && status >= 400 && status < 500 ? 'healthy' : 'unhealthy'
}

function transient(
  trace: ExchangeTrace,
  status: number | null,
  isEnvelope: boolean,
  cause: Error,
): Failure {
  const error = unavailable(cause)
  // A gateway that gives up on Telegram (502, 504) says nothing about what Telegram did.
  const isClientError = status !== null && status >= 400 && status < 500
  const refused = isClientError || status === 503 || (isEnvelope && status === 500)
  return trace.complete && !refused
    ? { kind: 'doubtful', error }
    : { kind: 'again', error, waitSeconds: null }
}

function toRefusal(error: TelegramApiError, { asks, token }: FailedCall): AppError {
  const said = hideToken(error.description ?? '', token)
  const options = { cause: withoutToken(error, token) }
  // An unknown token is a 404: it is part of the path.
  if (error.errorCode === 401 || error.errorCode === 404) {
    const sentence = 'The bot token was refused by Telegram: save it again in settings'
    return new AppError('TELEGRAM_SESSION_INVALID', sentence, options)
  }
  if (/chat not found|chat_id is empty/i.test(said) || namesIn(said).some(isUnknownChannel)) {
    return new AppError('TELEGRAM_CHANNEL_NOT_FOUND', CHANNEL_NOT_FOUND, options)
  }
  if (
    error.parameters?.migrate_to_chat_id !== undefined ||
    /upgraded to a supergroup/i.test(said)
  ) {
    const sentence =
      'The group has become a supergroup with another ID: save the new one in settings'
    return new AppError('TELEGRAM_CHANNEL_NOT_FOUND', sentence, options)
  }
  // Its rights in the channel: what a bot needs is always the same.
  if (/CHAT_WRITE_FORBIDDEN|ADMIN_REQUIRED/.test(said)) return mayNotPost(options)
  for (const name of namesIn(said)) {
    const known = refusalNamed(name)
    if (known) return new AppError(known.code, known.sentence, options)
  }
  if (error.errorCode === 403 || /\brights?\b/i.test(said)) return mayNotPost(options)
  if (/logged out/i.test(said)) {
    const sentence =
      'The bot was logged out of this Bot API server: it takes ten minutes to come back'
    return new AppError('TELEGRAM_SESSION_INVALID', sentence, options)
  }
  if (asks === 'file' && /\bfile_id\b|file identifier/i.test(said)) {
    return new AppError('MESSAGE_NOT_FOUND', 'The bot has no such file', options)
  }
  if (/too (big|large)/i.test(said)) {
    const sentence = 'The file is too large for the Telegram Bot API'
    return new AppError('FILE_TOO_LARGE', sentence, options)
  }
  return new AppError('TELEGRAM_REJECTED', sentenceForUnknown(said), options)
}

const isUnknownChannel = (name: string): boolean =>
  name === 'PEER_ID_INVALID' || name === 'CHANNEL_INVALID' || name === 'CHAT_ID_INVALID'

function mayNotPost(options: { cause: Error }): AppError {
  const sentence =
    'The bot may not post in the channel: add the bot to the channel as an administrator'
  return new AppError('TELEGRAM_FORBIDDEN', sentence, options)
}

function final(error: AppError): Failure {
  return { kind: 'final', error }
}

/** A failure of our own (the spool's) comes back wrapped by the library. */
function findAppError(error: unknown): AppError | null {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof AppError) return current
  }
  return null
}

/** A copy that says what went wrong and cannot hold the token: no foreign fields, no foreign stack. */
function withoutToken(error: unknown, token: string): Error {
  if (!(error instanceof Error)) return new Error('not an error')
  const cause = error.cause instanceof Error ? withoutToken(error.cause, token) : undefined
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  const copy = new Error(`${error.name}: ${hideToken(error.message, token)}${code}`, { cause })
  copy.stack = `${copy.name}: ${copy.message}`
  return copy
}

function hideToken(text: string, token: string): string {
  const secret = token.slice(token.indexOf(':') + 1)
  return [token, encodeURIComponent(token), secret]
    .filter((part) => part.length > 0)
    .reduce((safe, part) => safe.replaceAll(part, '<bot token>'), text)
}
