import { badRequest, RpcError } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import type { Channel, Role } from '../store/channels.ts'
import { child, children, int, ints } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { ADMIN_RIGHTS, toChannel, toMessage, toUser } from './entities.ts'
import { type Call, type Methods, refuseBot } from './method.ts'
import { resolveChannel } from './peers.ts'
import { resolveUser } from './users.ts'

/** https://core.telegram.org/method/channels.getMessages takes at most a hundred ids. */
const MAX_IDS = 100

export const channelMethods: Methods = {
  'channels.getChannels': (call) => ({
    _: 'messages.chats',
    chats: children(call.method, 'id').map((input) => toChannel(call, resolveChannel(call, input))),
  }),
  'channels.getFullChannel': getFullChannel,
  'channels.getParticipant': getParticipant,
  'channels.getMessages': getMessages,
  'channels.deleteMessages': (call) => {
    const channel = resolveChannel(call, child(call.method, 'channel'))
    const { channels, messages } = call.telegram.store
    const member = channels.member(channel.id, call.account.id)
    if (member?.role !== 'creator' && member?.role !== 'admin')
      throw new RpcError(403, 'MESSAGE_DELETE_FORBIDDEN')
    const deleted = messages.delete(channel.id, ints(call.method, 'id'))
    const pts = channels.bumpPts(channel.id, deleted)
    return { _: 'messages.affectedMessages', pts, pts_count: deleted }
  },
  'channels.readHistory': (call) => {
    refuseBot(call)
    resolveChannel(call, child(call.method, 'channel'))
    return true
  },
}

/** https://core.telegram.org/method/channels.getParticipant */
function getParticipant(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  const { channels } = call.telegram.store
  const user = resolveUser(call, child(call.method, 'participant'))
  if (!user) throw badRequest('PARTICIPANT_ID_INVALID')
  const asks = channels.member(channel.id, call.account.id)
  // The members of a broadcast channel are its administrators' business.
  if (user.id !== call.account.id && asks?.role !== 'creator' && asks?.role !== 'admin')
    throw badRequest('CHAT_ADMIN_REQUIRED')
  const member = channels.member(channel.id, user.id)
  if (!member) throw badRequest('USER_NOT_PARTICIPANT')
  return {
    _: 'channels.channelParticipant',
    participant: toParticipant(call, { channel, user, role: member.role }),
    chats: [toChannel(call, channel)],
    users: [toUser(call, user)],
  }
}

function toParticipant(
  { account }: Call,
  { channel, user, role }: { channel: Channel; user: Account; role: Role },
): TlObject {
  const isSelf = user.id === account.id
  const common = { user_id: BigInt(user.id), date: channel.createdAt }
  const inviter_id = BigInt(channel.creatorId)
  if (role === 'creator')
    return { _: 'channelParticipantCreator', ...common, admin_rights: ADMIN_RIGHTS }
  if (role === 'admin')
    return {
      _: 'channelParticipantAdmin',
      ...common,
      self: isSelf,
      // Both stand under one flag.
      ...(isSelf ? { inviter_id } : {}),
      promoted_by: inviter_id,
      admin_rights: ADMIN_RIGHTS,
    }
  if (isSelf) return { _: 'channelParticipantSelf', ...common, inviter_id }
  return { _: 'channelParticipant', ...common }
}

function getMessages(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  const ids = children(call.method, 'id')
  if (ids.length > MAX_IDS) throw badRequest('MSG_IDS_INVALID')
  const found = ids.map((input) => {
    // Layer 23 and older sent bare numbers; everything since says which kind of id it is.
    if (input._ !== 'inputMessageID') throw badRequest('MESSAGE_IDS_EMPTY')
    const id = int(input, 'id')
    if (id <= 0) throw badRequest('MESSAGE_ID_INVALID')
    const message = call.telegram.store.messages.find(channel.id, id)
    return message ? toMessage(call, message) : { _: 'messageEmpty', id }
  })
  return {
    _: 'messages.channelMessages',
    pts: channel.pts,
    count: found.length,
    messages: found,
    topics: [],
    chats: [toChannel(call, channel)],
    users: [],
  }
}

function getFullChannel(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  return {
    _: 'messages.chatFull',
    full_chat: {
      _: 'channelFull',
      id: BigInt(channel.id),
      about: '',
      participants_count: call.telegram.store.channels.memberCount(channel.id),
      read_inbox_max_id: channel.lastMessageId,
      read_outbox_max_id: channel.lastMessageId,
      unread_count: 0,
      chat_photo: { _: 'photoEmpty', id: 0n },
      notify_settings: { _: 'peerNotifySettings' },
      bot_info: [],
      pts: channel.pts,
    },
    chats: [toChannel(call, channel)],
    users: [],
  }
}
