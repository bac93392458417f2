import { Api } from 'node-telegram-bot-api'
import { z } from 'zod'
import { isFloodWait } from '../../core/model/flood-wait.ts'
import type {
  ChannelCall,
  MessageEdit,
  NewMessage,
  NewPost,
  PostNote,
} from '../../core/ports/channel.ts'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { backoff } from '../../lib/waiting/retry.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import { noSuchMessage, notDeletable, notEditable } from '../message-refusals.ts'
import { ask, type BotApiCircuit } from './ask.ts'
import { toChatId } from './chat-id.ts'
import type { Failure } from './failure.ts'
import type { ExchangeTimeouts } from './http-request.ts'
import { createNodeFetch, type ExchangeTrace } from './node-fetch.ts'

/** One request to the Bot API about messages of a channel. */
export interface BotMessageCall extends Pick<ChannelCall, 'signal' | 'onWait'> {
  root: string
  token: string
  channelId: string
  timeouts: ExchangeTimeouts
  circuit: BotApiCircuit
  /** As ChannelCall.patience. */
  patience: number
}

const MAX_ANSWER_BYTES = 256 * KiB
const ATTEMPTS = 6
/** A post whose answer was lost is tried once more: the Bot API knows no key for a post. */
const MAX_DOUBTFUL_POSTS = 2
/** Timers may fire a little early, and Telegram counts whole seconds. */
const WAIT_MARGIN_MS = 50

const Edited = z.object({ edit_date: z.int().positive().optional() })
const Posted = z.object({ message_id: z.int().positive(), date: z.int().positive().optional() })

/** As ChannelGateway.edit. */
export async function editMessage(
  call: BotMessageCall,
  { messageId, text, part }: MessageEdit,
): Promise<{ editedAt: number | null }> {
  const target = { chat_id: toChatId(call.channelId), message_id: messageId }
  const outcome = await untilAnswered(call, (api, signal) =>
    part === 'caption'
      ? api.editMessageCaption({ ...target, caption: text }, signal)
      : api.editMessageText(
          { ...target, text, link_preview_options: { is_disabled: true } },
          signal,
        ),
  )
  if ('value' in outcome) {
    const { edit_date: date } = Edited.safeParse(outcome.value).data ?? {}
    return { editedAt: date === undefined ? null : date * 1000 }
  }
  const said = saidBy(outcome.error)
  if (/message is not modified|MESSAGE_NOT_MODIFIED/i.test(said)) return { editedAt: null }
  if (/message to edit not found|MESSAGE_ID_INVALID/i.test(said)) throw noSuchMessage(outcome.error)
  if (/there is no (?:caption|text) in the message/i.test(said)) {
    throw notEditable('kind', outcome.error)
  }
  const isRefused = /message can't be edited/i.test(said) || isAboutRights(outcome.error)
  throw isRefused ? notEditable('rights', outcome.error) : outcome.error
}

/** Deletes a hundred messages at most. Rejects with NOT_DELETABLE where Telegram refuses one of them. */
export async function deleteMessages(call: BotMessageCall, ids: readonly number[]): Promise<void> {
  const wanted = { chat_id: toChatId(call.channelId), message_ids: [...ids] }
  const outcome = await untilAnswered(call, (api, signal) => api.deleteMessages(wanted, signal))
  if ('value' in outcome) return
  const said = saidBy(outcome.error)
  if (/messages? to delete not found/i.test(said)) return
  const isRefused = /messages? can't be deleted|MESSAGE_DELETE_FORBIDDEN/i.test(said)
  throw isRefused || isAboutRights(outcome.error) ? notDeletable(outcome.error) : outcome.error
}

/** As ChannelGateway.post. */
export async function postMessage(
  call: BotMessageCall,
  { text, copyOf, journal }: NewPost,
): Promise<NewMessage> {
  const chat_id = toChatId(call.channelId)
  const noted = await journal.load()
  let attempts = noted?.attempts ?? 0
  const note = (tries: number): Promise<void> => {
    attempts = tries
    const { newestMessageId = null } = noted ?? {}
    const next: PostNote = { actor: 'bot', randomId: null, newestMessageId, attempts }
    return journal.save(next)
  }
  const send: Exchange = (api, signal) =>
    copyOf === null
      ? api.sendMessage(
          {
            chat_id,
            text,
            disable_notification: true,
            link_preview_options: { is_disabled: true },
          },
          signal,
        )
      : api.copyMessage(
          {
            chat_id,
            from_chat_id: chat_id,
            message_id: copyOf,
            caption: text,
            disable_notification: true,
          },
          signal,
        )
  const outcome = await untilAnswered(call, send, {
    before: async () => {
      if (attempts >= MAX_DOUBTFUL_POSTS) throw outcomeUnknown()
      await note(attempts + 1)
    },
    // What Telegram has refused was not posted.
    refused: () => note(attempts - 1),
  })
  if (!('value' in outcome)) {
    const isMissing = /message to copy not found|there is no caption|MESSAGE_ID_INVALID/i
    throw isMissing.test(saidBy(outcome.error)) ? noSuchMessage(outcome.error) : outcome.error
  }
  const { message_id: messageId, date } = Posted.parse(outcome.value)
  return { messageId, postedAt: date === undefined ? Date.now() : date * 1000, postedBy: 'bot' }
}

type Exchange = (api: Api, signal: AbortSignal) => Promise<unknown>

interface Trial {
  before: () => Promise<void>
  refused: () => Promise<void>
}

/** Asks until there is an answer or a refusal, within a few tries and the caller's patience. */
async function untilAnswered(
  call: BotMessageCall,
  exchange: Exchange,
  trial?: Trial,
): Promise<{ value: unknown } | { error: AppError }> {
  const { signal, circuit } = call
  for (let attempt = 1; ; attempt++) {
    await trial?.before()
    const outcome = await askOnce(call, exchange)
    if ('value' in outcome) return outcome
    if (outcome.kind !== 'doubtful') await trial?.refused()
    if (outcome.kind === 'final') return outcome
    const waitSeconds = outcome.kind === 'again' ? outcome.waitSeconds : null
    if (waitSeconds !== null) call.onWait?.(waitSeconds)
    const down = isFloodWait(outcome.error) ? null : circuit.refusal(outcome.error)
    if (down) throw down
    if (attempt >= ATTEMPTS || (waitSeconds ?? 0) > call.patience) throw outcome.error
    await sleep(
      waitSeconds === null ? backoff(attempt) : waitSeconds * 1000 + WAIT_MARGIN_MS,
      signal,
    )
  }
}

function askOnce(
  { root, token, timeouts, circuit, signal }: BotMessageCall,
  exchange: Exchange,
): Promise<{ value: unknown } | Failure> {
  const trace: ExchangeTrace = { complete: false, status: null }
  const fetch = createNodeFetch({ timeouts, trace, maxAnswerBytes: MAX_ANSWER_BYTES })
  const api = new Api(token, { apiRoot: root, fetch, maxRetries: 0, timeoutMs: 0 })
  return ask(() => exchange(api, signal), { asks: 'post', circuit, trace, token, signal })
}

/** Telegram's own words, which the error for callers leaves out. */
function saidBy({ cause, message }: AppError): string {
  return cause instanceof Error ? cause.message : message
}

function isAboutRights(error: AppError): boolean {
  return error.code === 'TELEGRAM_FORBIDDEN' || /_AUTHOR_REQUIRED/.test(saidBy(error))
}

function outcomeUnknown(): AppError {
  return new AppError(
    'TELEGRAM_REJECTED',
    'Telegram did not say whether the post arrived: look into the channel before trying again',
  )
}
