import type { AdminRight } from '../../contract.ts'
import type { Account } from '../../store/accounts.ts'
import type { Member } from '../../store/channels.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { resolveChat, toChat } from '../chats.ts'
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
const rightsWithout = (lacks: readonly AdminRight[]) => ({
  can_be_edited: false,
  is_anonymous: false,
  can_manage_chat: true,
  can_delete_messages: !lacks.includes('delete'),
  can_manage_video_chats: false,
  can_restrict_members: false,
  can_promote_members: false,
  can_change_info: true,
  can_invite_users: true,
  can_post_stories: false,
  can_edit_stories: false,
  can_delete_stories: false,
  can_post_messages: !lacks.includes('post'),
  can_edit_messages: !lacks.includes('edit'),
  can_manage_direct_messages: false,
})

/**
 * https://core.telegram.org/bots/api#getchatadministrators: "all chat administrators except other
 * bots".
 */
export function getChatAdministrators({ telegram, bot, parameters }: BotCall): unknown[] {
  const { accounts, channels } = telegram.store
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  checkMayList(channels.member(channel.id, bot.id))
  return channels.members(channel.id).flatMap(({ accountId, role }) => {
    const user = accounts.find(accountId)
    const isOtherBot = user?.kind === 'bot' && user.id !== bot.id
    const { lacks = [] } = channels.member(channel.id, accountId) ?? {}
    return user && role !== 'member' && !isOtherBot ? [toChatMember(user, { role, lacks })] : []
  })
}

/** https://core.telegram.org/bots/api#getchatmember */
export function getChatMember({ telegram, bot, parameters }: BotCall): Record<string, unknown> {
  const { accounts, channels } = telegram.store
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  const userId = numberOf(parameters, 'user_id')
  if (userId <= 0) throw badBotRequest('invalid user_id specified')
  if (userId !== bot.id) checkMayList(channels.member(channel.id, bot.id))
  const user = accounts.find(userId)
  if (!user) throw badBotRequest('user not found')
  return toChatMember(user, channels.member(channel.id, user.id))
}

/** Only administrators see the members of a channel. */
function checkMayList(member: Member | null): void {
  if (member?.role !== 'admin') throw badBotRequest('member list is inaccessible')
}

/** https://core.telegram.org/bots/api#chatmember */
function toChatMember(
  user: Account,
  as: Pick<Member, 'role' | 'lacks'> | null,
): Record<string, unknown> {
  const member = { user: toBotUser(user) }
  switch (as?.role) {
    case 'creator':
      return { ...member, status: 'creator', is_anonymous: false }
    case 'admin':
      return { ...member, status: 'administrator', ...rightsWithout(as.lacks) }
    case 'member':
      return { ...member, status: 'member' }
    default:
      return { ...member, status: 'left' }
  }
}
