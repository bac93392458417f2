import { has } from '../api/peers.ts'
import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { Channel } from '../store/channels.ts'
import { BotApiError, badBotRequest } from './bot-api-error.ts'

/** Bot API ids of channels: -10^12 - id (https://core.telegram.org/api/bots/ids). */
const CHANNEL_MARK = 1_000_000_000_000

export const toMarkedId = (channelId: number): number => -CHANNEL_MARK - channelId

export const fromMarkedId = (markedId: number): number => -CHANNEL_MARK - markedId

/** The channel of a `chat_id`, if the bot is in it. */
export function resolveChat(telegram: Telegram, bot: Account, chatId: string | undefined): Channel {
  const { channels } = telegram.store
  if (chatId === undefined || chatId === '') throw badBotRequest('chat_id is empty')
  const channel = chatId.startsWith('@')
    ? channels.findByUsername(chatId.slice(1))
    : channels.find(fromMarkedId(Number(chatId)))
  if (!channel) throw badBotRequest('chat not found')
  if (!channels.member(channel.id, bot.id))
    throw new BotApiError(403, 'Forbidden: bot is not a member of the channel chat')
  return channel
}

/** As `resolveChat`, for a bot that is an administrator there. */
export function resolveAdministered(
  telegram: Telegram,
  bot: Account,
  chatId: string | undefined,
): Channel {
  const channel = resolveChat(telegram, bot, chatId)
  const member = telegram.store.channels.member(channel.id, bot.id)
  if (member?.role !== 'admin') throw badBotRequest('need administrator rights in the channel chat')
  return channel
}

/** As `resolveAdministered`, for a bot that may post. */
export function resolvePostable(
  telegram: Telegram,
  bot: Account,
  chatId: string | undefined,
): Channel {
  const channel = resolveAdministered(telegram, bot, chatId)
  if (!has(telegram.store.channels.member(channel.id, bot.id), 'post'))
    throw badBotRequest('not enough rights to post messages in the channel chat')
  return channel
}

export const toChat = (channel: Channel): Record<string, unknown> => ({
  id: toMarkedId(channel.id),
  title: channel.title,
  ...(channel.username === null ? {} : { username: channel.username }),
  type: 'channel',
})
