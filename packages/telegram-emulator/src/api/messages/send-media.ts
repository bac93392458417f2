import { nowSeconds } from '../../context.ts'
import { badRequest, RpcError } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { child, long, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toChannel, toMediaDocument, toMessage, type View } from '../entities.ts'
import type { Call, Methods } from '../method.ts'
import { isSelfPeer, resolveWritable } from '../peers.ts'
import { resolveMedia } from './media-input.ts'
import { readSendOptions, refuseBusiness } from './send-options.ts'

const CAPTION_LENGTH_MAX = 1024

/** Posting, exactly once per random_id. */
export function createSendMethods(): Methods {
  /** Random ids of messages that are being made. */
  const inWork = new Set<string>()

  return {
    'messages.uploadMedia': async (call) => {
      refuseBusiness(call)
      const peer = child(call.method, 'peer')
      if (!isSelfPeer(peer)) resolveWritable(call, peer)
      const { document, details } = await resolveMedia(call, child(call.method, 'media'))
      return toMediaDocument(call, document, details)
    },
    'messages.sendMedia': async (call) => {
      const channel = resolveWritable(call, child(call.method, 'peer'))
      const randomId = long(call.method, 'random_id').toString()
      if (randomId === '0') throw badRequest('RANDOM_ID_EMPTY')
      const key = `${call.account.id}_${randomId}`
      const { messages } = call.telegram.store
      if (inWork.has(key) || messages.isRandomIdUsed(call.account.id, randomId))
        return repeated(call, randomId)
      inWork.add(key)
      try {
        return await post(call, channel, randomId)
      } finally {
        inWork.delete(key)
      }
    },
  }
}

async function post(call: Call, channel: Channel, randomId: string): Promise<TlObject> {
  const { telegram, account, method } = call
  const caption = text(method, 'message')
  if (caption.length > CAPTION_LENGTH_MAX) throw badRequest('MEDIA_CAPTION_TOO_LONG')
  const options = readSendOptions(call, channel)
  const { document, details } = await resolveMedia(call, child(method, 'media'))
  const message = telegram.store.messages.append(
    {
      channelId: channel.id,
      date: nowSeconds(),
      fromId: account.id,
      text: caption,
      documentId: document.id,
      details: { ...options, ...details },
    },
    randomId,
  )
  telegram.counters.add('messagesPosted')
  return toUpdates(call, message, randomId)
}

/**
 * Telegram has two answers to a random_id that it knows: an error, or the updates of the first
 * time. The setting `repeatedRandomId` chooses.
 */
function repeated(call: Call, randomId: string): TlObject {
  const { counters, settings, store } = call.telegram
  counters.add('repeatedRandomIds')
  const message = store.messages.findByRandomId(call.account.id, randomId)
  if (settings.repeatedRandomId === 'error' || !message)
    throw new RpcError(500, 'RANDOM_ID_DUPLICATE')
  return toUpdates(call, message, randomId)
}

function toUpdates(view: View, message: Message, randomId: string): TlObject {
  const channel = view.telegram.store.channels.find(message.channelId)
  const pts = channel?.pts ?? 0
  return {
    _: 'updates',
    updates: [
      { _: 'updateMessageID', id: message.id, random_id: BigInt(randomId) },
      {
        _: 'updateReadChannelInbox',
        channel_id: BigInt(message.channelId),
        max_id: message.id,
        still_unread_count: 0,
        pts,
      },
      { _: 'updateNewChannelMessage', message: toMessage(view, message), pts, pts_count: 1 },
    ],
    users: [],
    chats: channel ? [toChannel(view, channel)] : [],
    date: message.date,
    seq: 0,
  }
}
