import { badRequest } from '../rpc-error.ts'
import { child, children, int } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toChannel, toChats, toMessage } from './entities.ts'
import { type Call, type Methods, refuseBot } from './method.ts'
import { resolveChannel } from './peers.ts'

/** https://core.telegram.org/method/channels.getMessages takes at most a hundred ids. */
const MAX_IDS = 100

export const channelMethods: Methods = {
  'channels.getChannels': (call) => ({
    _: 'messages.chats',
    chats: children(call.method, 'id').map((input) => toChannel(call, resolveChannel(call, input))),
  }),
  'channels.getFullChannel': getFullChannel,
  'channels.getMessages': getMessages,
  'channels.readHistory': (call) => {
    refuseBot(call)
    resolveChannel(call, child(call.method, 'channel'))
    return true
  },
}

function getMessages(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  const ids = children(call.method, 'id')
  if (ids.length > MAX_IDS) throw badRequest('MSG_IDS_INVALID')
  const found = ids.map((input) => {
    // Since layer 24 an id is an object of a kind; before, it was a bare number.
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
    chats: toChats(call, channel, found),
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
