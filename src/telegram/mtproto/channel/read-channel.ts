import type { ChannelDifference, ChannelMessage, ChannelPage } from '../../../core/ports/channel.ts'
import { RpcError, unavailable } from '../../errors.ts'
import { toInputChannel, toInputPeer } from '../account/channel.ts'
import { highestId, messagesById, type Reading, readPts } from '../files/history.ts'
import { messagesIn } from '../files/messages.ts'
import { toChannelMessages } from './to-message.ts'

/** What one `messages.getHistory` or `channels.getMessages` brings at most. */
const PAGE = 100
/** Message ids are 32-bit. */
const ABOVE_ALL = 0x7fff_ffff
/**
 * "How many updates to fetch, max 100000. Ordinary (non-bot) users are supposed to pass 10-100"
 * (core.telegram.org/method/updates.getChannelDifference). A bot's are kept to about a megabyte.
 */
const DIFFERENCE_LIMIT = { user: 100, bot: 1000 }

/** As ChannelGateway.position. */
export async function readPosition(reading: Reading): Promise<{ pts: number; before: number }> {
  const pts = await readPts(reading)
  // Asked from 0 on, Telegram would refuse to tell what has changed.
  if (pts < 1) throw unavailable()
  if (reading.account.kind === 'user') return { pts, before: ABOVE_ALL }
  return { pts, before: (await highestId(reading, pts)) + 1 }
}

/** As ChannelGateway.page: users read history, which bots may not; bots ask for ids. */
export async function readPage(reading: Reading, before: number): Promise<ChannelPage> {
  if (reading.account.kind === 'user') return readHistory(reading, before)
  const lowestId = Math.max(1, before - PAGE)
  if (before <= lowestId) return { messages: [], lowestId, total: null }
  const ids = Array.from({ length: before - lowestId }, (_, back) => before - 1 - back)
  const messages = await messagesById(reading, ids)
  return { messages: toChannelMessages(reading.account, messages), lowestId, total: null }
}

async function readHistory(
  { account, channel, options }: Reading,
  before: number,
): Promise<ChannelPage> {
  const { gramjs } = account
  const { Api, toLong } = gramjs
  const request = new Api.messages.GetHistory({
    peer: toInputPeer(gramjs, channel),
    offsetId: before === ABOVE_ALL ? 0 : before,
    offsetDate: 0,
    addOffset: 0,
    limit: PAGE,
    maxId: 0,
    minId: 0,
    hash: toLong('0'),
  })
  const answer = await account.call(request, options)
  const found = messagesIn(gramjs, answer)
  const oldest = found.at(-1)
  const total = answer instanceof Api.messages.ChannelMessages ? answer.count : null
  // Rows would go by an answer that says itself that it is not all.
  if (!oldest && before === ABOVE_ALL && total !== null && total > 0) throw unavailable()
  return {
    messages: toChannelMessages(account, found),
    // A page may be short without being the last: only an empty one has nothing older.
    lowestId: oldest?.id ?? 1,
    total,
  }
}

/** As ChannelGateway.messages. */
export async function readMessages(
  reading: Reading,
  wanted: readonly number[],
): Promise<ChannelMessage[]> {
  const ids = [...new Set(wanted)]
  const found: ChannelMessage[] = []
  for (let at = 0; at < ids.length; at += PAGE) {
    const messages = await messagesById(reading, ids.slice(at, at + PAGE))
    found.push(...toChannelMessages(reading.account, messages))
  }
  return found
}

/** As ChannelGateway.difference. */
export async function readDifference(reading: Reading, pts: number): Promise<ChannelDifference> {
  const { account, channel, options } = reading
  const { Api } = account.gramjs
  const request = new Api.updates.GetChannelDifference({
    channel: toInputChannel(account.gramjs, channel),
    filter: new Api.ChannelMessagesFilterEmpty(),
    pts,
    limit: DIFFERENCE_LIMIT[account.kind],
  })
  const difference = await account.call(request, options).catch((error: unknown) => {
    if (isUnknownPts(error)) return null
    throw error
  })
  if (difference === null || difference instanceof Api.updates.ChannelDifferenceTooLong) {
    return { kind: 'too-long' }
  }
  const common = {
    kind: 'changes',
    pts: difference.pts,
    final: difference.final === true,
    timeout: difference.timeout ?? null,
  } as const
  if (difference instanceof Api.updates.ChannelDifferenceEmpty) {
    return { ...common, messages: [], deletedIds: [] }
  }
  const edited = difference.otherUpdates.filter(
    (update) => update instanceof Api.UpdateEditChannelMessage,
  )
  const messages = [...difference.newMessages, ...edited.map(({ message }) => message)]
  return {
    ...common,
    messages: toChannelMessages(account, messages),
    deletedIds: difference.otherUpdates.flatMap((update) =>
      update instanceof Api.UpdateDeleteChannelMessages ? update.messages : [],
    ),
  }
}

/** Another channel's, one of the future, or none: not the account's fault, and no failure of Telegram. */
function isUnknownPts(error: unknown): boolean {
  return error instanceof RpcError && /^PERSISTENT_TIMESTAMP_(?:EMPTY|INVALID)$/.test(error.text)
}
