import { nowSeconds } from '../../lib/clock.ts'
import { badRequest, RpcError } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { MessageDetails } from '../../store/messages.ts'
import { flag, int, isTlObject } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call } from '../method.ts'
import { resolveChannel } from '../peers.ts'

const DAY_SECONDS = 86_400
/** A date so close is now (https://core.telegram.org/api/scheduled-messages). */
const SOON_SECONDS = 10

/**
 * Reads the optional fields of a send method for a broadcast channel, or throws Telegram's
 * refusal (https://core.telegram.org/method/messages.sendMedia#possible-errors). `background`,
 * `clear_draft`, `update_stickersets_order` and the two `allow_paid_*` have no effect that could
 * be seen here: there are no drafts, sticker sets or payments.
 */
export function readSendOptions(call: Call, channel: Channel): MessageDetails {
  const { method, account } = call
  const isBot = account.kind === 'bot'
  refuseSchedule(call)
  refuseOthers(call, channel)
  return {
    silent: flag(method, 'silent'),
    // "Only for bots" (https://core.telegram.org/method/messages.sendMedia).
    noforwards: isBot && flag(method, 'noforwards'),
    invertMedia: flag(method, 'invert_media'),
    replyTo: readReply(call, channel),
  }
}

function refuseSchedule({ method, account }: Call): void {
  const { schedule_date: date, schedule_repeat_period: period } = method
  if (typeof period === 'number' && period > 0 && !account.premium)
    throw new RpcError(403, 'PREMIUM_ACCOUNT_REQUIRED')
  if (typeof date !== 'number') return
  if (account.kind === 'bot') throw badRequest('SCHEDULE_BOT_NOT_ALLOWED')
  if (date < 0) throw badRequest('SCHEDULE_DATE_INVALID')
  if (date < nowSeconds() + SOON_SECONDS) return
  // The greatest number means: when the other person comes online.
  if (date >= 0x7fff_fffe) throw badRequest('SCHEDULE_STATUS_PRIVATE')
  if (date > nowSeconds() + 366 * DAY_SECONDS) throw badRequest('SCHEDULE_DATE_TOO_LATE')
  // This Telegram has no queue for later messages, so it answers as if the queue were full.
  throw badRequest('SCHEDULE_TOO_MUCH')
}

/** Refuses fields for features that this Telegram does not have. */
function refuseOthers(call: Call, channel: Channel): void {
  const { method, account } = call
  if (isTlObject(method.send_as) && !isChannelItself(call, channel, method.send_as))
    throw badRequest('SEND_AS_PEER_INVALID')
  // Buttons of a person's client are not looked at: "Reply markup for bot keyboards".
  if (isTlObject(method.reply_markup) && account.kind === 'bot')
    throw badRequest('REPLY_MARKUP_INVALID')
  if (isTlObject(method.quick_reply_shortcut))
    throw badRequest(account.kind === 'bot' ? 'QUICK_REPLIES_BOT_NOT_ALLOWED' : 'SHORTCUT_INVALID')
  // Effects are for private chats (https://core.telegram.org/api/effects).
  if (typeof method.effect === 'bigint') throw badRequest('EFFECT_ID_INVALID')
  if (isTlObject(method.suggested_post)) throw badRequest('SUGGESTED_POST_PEER_INVALID')
}

function isChannelItself(call: Call, channel: Channel, peer: TlObject): boolean {
  return peer._ === 'inputPeerChannel' && resolveChannel(call, peer).id === channel.id
}

/** `reply_to`, and the two fields in its place before layer 166. */
function replyOf({ method }: Call): TlObject | null {
  const { reply_to, reply_to_msg_id, top_msg_id } = method
  if (isTlObject(reply_to)) return reply_to
  if (typeof reply_to_msg_id !== 'number') return null
  return { _: 'inputReplyToMessage', reply_to_msg_id, top_msg_id }
}

/** https://core.telegram.org/constructor/inputReplyToMessage */
function readReply(call: Call, channel: Channel): TlObject | undefined {
  const reply = replyOf(call)
  if (!reply) return undefined
  if (reply._ === 'inputReplyToStory') throw badRequest('STORY_ID_INVALID')
  if (reply._ === 'inputReplyToMonoForum') throw badRequest('REPLY_TO_MONOFORUM_PEER_INVALID')
  if (reply._ !== 'inputReplyToMessage') throw badRequest('REPLY_MESSAGE_ID_INVALID')
  // A broadcast channel has no topics.
  if (typeof reply.top_msg_id === 'number') throw badRequest('TOPIC_DELETED')
  const isElsewhere = isTlObject(reply.reply_to_peer_id)
  const home = isElsewhere ? resolveChannel(call, reply.reply_to_peer_id) : channel
  const message = call.telegram.store.messages.find(home.id, int(reply, 'reply_to_msg_id'))
  if (!message) throw badRequest('REPLY_MESSAGE_ID_INVALID')
  const quote = typeof reply.quote_text === 'string' ? reply.quote_text : ''
  if (!message.text.includes(quote)) throw badRequest('QUOTE_TEXT_INVALID')
  return {
    _: 'messageReplyHeader',
    reply_to_msg_id: message.id,
    ...(home.id === channel.id
      ? {}
      : { reply_to_peer_id: { _: 'peerChannel', channel_id: BigInt(home.id) } }),
    ...(quote === '' ? {} : { quote: true, quote_text: quote }),
  }
}

/** Refuses a business connection: there are none here. */
export function refuseBusiness({ method }: Call): void {
  if (typeof method.business_connection_id === 'string')
    throw badRequest('BUSINESS_CONNECTION_INVALID')
}
