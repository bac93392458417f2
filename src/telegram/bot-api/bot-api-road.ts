import type { ChannelCall, MessageEdit, NewMessage, NewPost } from '../../core/ports/channel.ts'
import type { Log } from '../../core/ports/log.ts'
import type { PostedFile } from '../../core/ports/records.ts'
import type { TransferRequest } from '../../core/ports/telegram.ts'
import { AppError } from '../../errors.ts'
import { createCircuitBreaker } from '../../lib/waiting/circuit-breaker.ts'
import { peerDown } from '../circuits.ts'
import type { BotApiCircuit } from './ask.ts'
import type { ExchangeTimeouts } from './http-request.ts'
import type { BotMessageCall } from './messages.ts'
import { type LookForLost, postOnce } from './post-once.ts'
import type { BotFile } from './read-file.ts'

export interface BotApiTimeouts extends ExchangeTimeouts {
  /** For all tries of one file, waits included. */
  totalMs: number
  /** Pauses before each look for a message whose answer was lost. */
  lookAfterMs: readonly number[]
}

export interface BotApiRoadOptions {
  /** Such as `https://api.telegram.org`. */
  root: string
  /** The server runs with `--local`: a file's path is a path on a shared disk. */
  local: boolean
  log: Log
  /** Its own, if not given. */
  circuit?: BotApiCircuit
  timeouts?: Partial<BotApiTimeouts>
  /** Tries of one file. */
  attempts?: number
}

export interface BotApiRoad {
  /**
   * Posts the file as a document. Rejects with FILE_TOO_LARGE (another road may take it),
   * TELEGRAM_NOT_CONNECTED without a bot token, TELEGRAM_SESSION_INVALID when Telegram refuses it,
   * TELEGRAM_CHANNEL_NOT_FOUND, TELEGRAM_FORBIDDEN, TELEGRAM_REJECTED, TELEGRAM_FLOOD_WAIT,
   * TELEGRAM_UNAVAILABLE, the file's own error, or the signal's reason. A wait that Telegram
   * asks for is reported as an event first.
   *
   * `lookForLost` finds the message after an answer was lost; it is given where a user session can
   * read the channel.
   */
  send: (request: TransferRequest, lookForLost?: LookForLost) => Promise<PostedFile>
  /** Where a file of at most 20 MB (any size with `local`) can be read for the next hour. */
  findFile: (token: string, fileId: string, signal: AbortSignal) => Promise<BotFile>
  /** The bytes from `offset`, `length` of them or less at the end of the file. */
  readBlock: (
    file: BotFile,
    block: { offset: number; length: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array>
  /** As ChannelGateway.edit, by the bot alone. */
  edit: (call: ChannelCall, edit: MessageEdit) => Promise<{ editedAt: number | null }>
  /** Deletes a hundred messages at most; rejects with NOT_DELETABLE where Telegram refuses one of them. */
  remove: (call: ChannelCall, ids: readonly number[]) => Promise<void>
  /** As ChannelGateway.post, by the bot alone. */
  post: (call: ChannelCall, post: NewPost) => Promise<NewMessage>
}

/** As ChannelCall.patience has it. */
const PATIENCE_SECONDS = 60

const DEFAULT_TIMEOUTS: BotApiTimeouts = {
  connectMs: 15_000,
  stallMs: 60_000,
  answerMs: 60_000,
  totalMs: 30 * 60_000,
  lookAfterMs: [2_000, 8_000],
}

/**
 * Telegram's Bot API: the road of files up to 50 MB. Keeps no connection, but those of the files
 * that are being read, and no state. Its client is loaded at the first use.
 */
export function createBotApiRoad(options: BotApiRoadOptions): BotApiRoad {
  const { root, local, log, attempts = 6 } = options
  const { circuit = createCircuitBreaker({ refuse: peerDown }) } = options
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
  const address = { root, local, timeouts, circuit }

  const toMessageCall = ({ credentials, patience, ...call }: ChannelCall): BotMessageCall => ({
    ...call,
    ...{ root, timeouts, circuit, patience: patience ?? PATIENCE_SECONDS },
    token: sendableToken(credentials.botToken),
    channelId: credentials.channelId,
  })

  return {
    send: async (request, lookForLost) => {
      const token = sendableToken(request.credentials.botToken)
      request.onEvent({ phase: 'connecting' })
      const { trySendDocument } = await import('./send-document.ts')
      return postOnce(request, {
        trySend: (onMayPost) =>
          trySendDocument(request, { root, token, timeouts, circuit, onMayPost }).then(
            (outcome) => {
              if ('kind' in outcome) return outcome
              request.onEvent({ phase: 'sending', acceptedBytes: request.file.size })
              request.onEvent({ phase: 'posting' })
              return outcome
            },
          ),
        refusal: circuit.refusal,
        lookForLost,
        lookAfterMs: timeouts.lookAfterMs,
        attempts,
        totalMs: timeouts.totalMs,
        log,
      })
    },
    findFile: async (token, fileId, signal) => {
      const { findFile } = await import('./read-file.ts')
      return findFile({ token: sendableToken(token), fileId, signal }, address)
    },
    readBlock: async (file, block, signal) => {
      const { readFileBlock } = await import('./read-file.ts')
      return readFileBlock(file, block, { ...address, signal })
    },
    edit: async (call, edit) => {
      const { editMessage } = await import('./messages.ts')
      return editMessage(toMessageCall(call), edit)
    },
    remove: async (call, ids) => {
      const { deleteMessages } = await import('./messages.ts')
      return deleteMessages(toMessageCall(call), ids)
    },
    post: async (call, post) => {
      const { postMessage } = await import('./messages.ts')
      return postMessage(toMessageCall(call), post)
    },
  }
}

/** A token becomes part of a path: one with other characters would ask for something else. */
function sendableToken(token: string | null): string {
  if (token === null) throw new AppError('TELEGRAM_NOT_CONNECTED', 'bot_token is missing')
  if (/^[\w:-]+(\/test)?$/.test(token)) return token
  throw new AppError('TELEGRAM_SESSION_INVALID', 'The bot token was refused by Telegram')
}
