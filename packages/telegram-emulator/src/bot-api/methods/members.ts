import { badBotRequest } from '../bot-api-error.ts'
import { resolveChat, toChat } from '../chats.ts'
import type { BotCall } from '../methods.ts'
import { toBotUser } from '../objects/user.ts'
import { numberOf, textOf } from '../request/parameters.ts'

/** https://core.telegram.org/bots/api#chatfullinfo, with every field that is always there. */
export function getChat({ telegram, bot, parameters }: BotCall): Record<string, unknown> {
  return {
    ...toChat(resolveChat(telegram, bot, textOf(parameters, 'chat_id'))),
    accent_color_id: 0,
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false,
    },
  }
}

/** https://core.telegram.org/bots/api#chatmemberadministrator, for a channel. */
const RIGHTS = {
  can_be_edited: false,
  is_anonymous: false,
  can_manage_chat: true,
  can_delete_messages: true,
  can_manage_video_chats: false,
  can_restrict_members: false,
  can_promote_members: false,
  can_change_info: true,
  can_invite_users: true,
  can_post_stories: false,
  can_edit_stories: false,
  can_delete_stories: false,
  can_post_messages: true,
  can_edit_messages: true,
  can_manage_direct_messages: false,
}

/** https://core.telegram.org/bots/api#getchatmember */
export function getChatMember({ telegram, bot, parameters }: BotCall): Record<string, unknown> {
  const { accounts, channels } = telegram.store
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  const userId = numberOf(parameters, 'user_id')
  if (userId <= 0) throw badBotRequest('invalid user_id specified')
  if (userId !== bot.id && channels.member(channel.id, bot.id)?.role !== 'admin')
    throw badBotRequest('member list is inaccessible')
  const user = accounts.find(userId)
  if (!user) throw badBotRequest('user not found')
  const member = { user: toBotUser(user) }
  switch (channels.member(channel.id, user.id)?.role) {
    case 'creator':
      return { ...member, status: 'creator', is_anonymous: false }
    case 'admin':
      return { ...member, status: 'administrator', ...RIGHTS }
    case 'member':
      return { ...member, status: 'member' }
    default:
      return { ...member, status: 'left' }
  }
}
