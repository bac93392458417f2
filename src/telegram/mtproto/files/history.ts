import type { Account } from '../account/account.ts'
import { type Channel, toInputChannel, toInputPeer } from '../account/channel.ts'
import type { Api } from '../connection/gramjs.ts'
import type { CallOptions } from '../connection/request-channel.ts'
import { messagesIn } from './messages.ts'

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

/** The newest message within these bounds that is wanted, or null. */
export async function findMessage(
  reading: Reading,
  { after, since = 0 }: Newer,
  isWanted: (message: Api.Message) => boolean,
): Promise<Api.Message | null> {
  const { Api } = reading.account.gramjs
  for await (const message of newerMessages(reading, after)) {
    if (!(message instanceof Api.MessageEmpty) && message.date < since) return null
    if (message instanceof Api.Message && isWanted(message)) return message
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

/** Bots may not read history, but they may ask for messages by id. */
async function* readById(reading: Reading, after: number): AsyncGenerator<Api.TypeMessage> {
  const pts = await readPts(reading)
  let isBound = false
  for (let page = 0, top = pts; page < MAX_PAGES && top > after; page++) {
    const lowest = Math.max(after + 1, top - PAGE + 1)
    const ids = Array.from({ length: top - lowest + 1 }, (_, back) => top - back)
    const found = await messagesById(reading, ids)
    yield* found
    top = lowest - 1
    if (found.length > 0 || isBound) continue
    // Edits and deletes have counted `pts` away from the ids.
    isBound = true
    top = Math.min(top, await highestId(reading, pts))
  }
}

/**
 * The channel's `pts`, which counts every event (core.telegram.org/api/updates#message-related-event-sequences),
 * so that no message has an id above it.
 */
export async function readPts({ account, channel, options }: Reading): Promise<number> {
  const { Api } = account.gramjs
  const request = new Api.channels.GetFullChannel({
    channel: toInputChannel(account.gramjs, channel),
  })
  const { fullChat } = await account.call(request, options)
  return fullChat instanceof Api.ChannelFull ? fullChat.pts : 0
}

/** Those of at most a hundred messages that exist. */
export async function messagesById(
  { account, channel, options }: Reading,
  ids: readonly number[],
): Promise<(Api.Message | Api.MessageService)[]> {
  const { gramjs } = account
  const { Api } = gramjs
  const request = new Api.channels.GetMessages({
    channel: toInputChannel(gramjs, channel),
    id: ids.map((id) => new Api.InputMessageID({ id })),
  })
  const messages = messagesIn(gramjs, await account.call(request, options))
  return messages.filter((message) => !(message instanceof Api.MessageEmpty))
}

/**
 * An id above which the channel had no message at this `pts`: mostly that of its newest one. The last
 * events name it; where they are edits and deletes alone, there were fewer messages than events
 * before them.
 */
export async function highestId(reading: Reading, pts: number): Promise<number> {
  const { account, channel, options } = reading
  const { Api } = account.gramjs
  const since = pts - PAGE
  if (since < 1) return pts
  const difference = await account.call(
    new Api.updates.GetChannelDifference({
      channel: toInputChannel(account.gramjs, channel),
      filter: new Api.ChannelMessagesFilterEmpty(),
      pts: since,
      limit: PAGE,
    }),
    options,
  )
  if (difference instanceof Api.updates.ChannelDifferenceTooLong) {
    const { dialog } = difference
    return dialog instanceof Api.Dialog ? Math.min(dialog.topMessage, pts) : pts
  }
  const fresh = difference instanceof Api.updates.ChannelDifference ? difference.newMessages : []
  return fresh.length > 0 ? Math.max(...fresh.map(({ id }) => id)) : since
}
