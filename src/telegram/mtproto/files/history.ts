import type { Account } from '../account/account.ts'
import { type Channel, toInputChannel, toInputPeer } from '../account/channel.ts'
import type { Api } from '../connection/gramjs.ts'
import type { CallOptions } from '../connection/request-channel.ts'
import { documentOf, messagesIn } from './messages.ts'

/** What one `messages.getHistory` or `channels.getMessages` brings at most. */
const PAGE = 100
/** Pages that are read at most: far more than a channel gets while one file is posted. */
const MAX_PAGES = 50

/** A channel as one account reads it. */
export interface Reading {
  account: Account
  channel: Channel
  options: CallOptions
}

/** The id of the channel's newest message; 0 when it has none. */
export async function newestMessageId(reading: Reading): Promise<number> {
  for await (const message of newerMessages(reading, 0)) return message.id
  return 0
}

/** How far back messages are looked at. */
export interface Newer {
  /** Only ids above this one. */
  after: number
  /** Epoch seconds: nothing that was posted before. */
  since?: number
}

/** The newest message within these bounds that carries the document, or null. */
export async function findPosted(
  reading: Reading,
  { after, since = 0 }: Newer,
  isWanted: (document: Api.Document, message: Api.Message) => boolean,
): Promise<{ message: Api.Message; document: Api.Document } | null> {
  const { gramjs } = reading.account
  for await (const message of newerMessages(reading, after)) {
    if (!(message instanceof gramjs.Api.MessageEmpty) && message.date < since) return null
    const document = documentOf(gramjs, message)
    if (!document || !(message instanceof gramjs.Api.Message)) continue
    if (isWanted(document, message)) return { message, document }
  }
  return null
}

/** Messages newer than `after`, the newest first, within `MAX_PAGES`. */
function newerMessages(reading: Reading, after: number): AsyncGenerator<Api.TypeMessage> {
  return reading.account.kind === 'user' ? readHistory(reading, after) : readById(reading, after)
}

async function* readHistory(
  { account, channel, options }: Reading,
  after: number,
): AsyncGenerator<Api.TypeMessage> {
  const { gramjs } = account
  const { Api, toLong } = gramjs
  for (let page = 0, offsetId = 0; page < MAX_PAGES; page++) {
    const request = new Api.messages.GetHistory({
      peer: toInputPeer(gramjs, channel),
      offsetId,
      offsetDate: 0,
      addOffset: 0,
      limit: PAGE,
      maxId: 0,
      minId: after,
      hash: toLong('0'),
    })
    const messages = messagesIn(gramjs, await account.call(request, options))
    for (const message of messages) {
      if (message.id > after) yield message
    }
    const oldest = messages.at(-1)
    if (!oldest || oldest.id <= after) return
    offsetId = oldest.id
  }
}

/**
 * Bots may not read history, but they may ask for messages by id. `pts` counts every event of
 * a channel (core.telegram.org/api/updates#message-related-event-sequences), so that no message
 * has an id above it.
 */
async function* readById(
  { account, channel, options }: Reading,
  after: number,
): AsyncGenerator<Api.TypeMessage> {
  const { gramjs } = account
  const { Api } = gramjs
  const input = toInputChannel(gramjs, channel)
  const full = await account.call(new Api.channels.GetFullChannel({ channel: input }), options)
  if (!(full.fullChat instanceof Api.ChannelFull)) return
  for (let page = 0, top = full.fullChat.pts; page < MAX_PAGES && top > after; page++) {
    const lowest = Math.max(after + 1, top - PAGE + 1)
    const id = Array.from(
      { length: top - lowest + 1 },
      (_, back) => new Api.InputMessageID({ id: top - back }),
    )
    const request = new Api.channels.GetMessages({ channel: input, id })
    const messages = messagesIn(gramjs, await account.call(request, options))
    for (const message of messages) if (!(message instanceof Api.MessageEmpty)) yield message
    top = lowest - 1
  }
}
