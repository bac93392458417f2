import type { Channel } from '../../store/channels.ts'
import type { MessageDetails } from '../../store/messages.ts'
import type { TlObject } from '../../types.ts'
import { BotApiError, badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { isSet, jsonOf, numberOf, replyParameters, textOf } from '../request/parameters.ts'

/** Parameters for features that this Telegram does not have, and the Bot API's refusal of each. */
const REFUSED = [
  ['business_connection_id', 'business connection not found'],
  ['message_thread_id', 'message thread not found'],
  ['direct_messages_topic_id', 'topic not found'],
  ['message_effect_id', 'EFFECT_ID_INVALID'],
  ['suggested_post_parameters', 'SUGGESTED_POST_PEER_INVALID'],
  // There are no buttons here.
  ['reply_markup', 'REPLY_MARKUP_INVALID'],
] as const

/**
 * Reads the optional parameters of a send method, or throws the Bot API's refusal
 * (https://core.telegram.org/bots/api#senddocument). `allow_paid_broadcast` has no
 * effect: no broadcast is so large here.
 */
export function readBotSendOptions(call: BotCall, channel: Channel): MessageDetails {
  const { parameters } = call
  refuseOthers(call)
  return {
    silent: isSet(parameters, 'disable_notification'),
    noforwards: isSet(parameters, 'protect_content'),
    replyTo: readReply(call, channel),
  }
}

/** Refuses parameters for features that this Telegram does not have. */
export function refuseOthers({ parameters }: BotCall): void {
  for (const [name, reason] of REFUSED)
    if (textOf(parameters, name) !== '') throw badBotRequest(reason)
}

/** Refuses one post too many, before it costs anything. */
export function checkRate({ telegram, bot }: BotCall, channel: Channel): void {
  const post = { accountId: bot.id, channelId: channel.id, count: 1 }
  const wait = telegram.limits.posts(post)
  if (wait > 0) throw new BotApiError(429, `Too Many Requests: retry after ${wait}`, wait)
}

/** Reads `reply_parameters`, or the two parameters that preceded it before Bot API 7.0. */
function readReply({ telegram, parameters }: BotCall, channel: Channel): TlObject | undefined {
  const given = jsonOf(parameters, {
    name: 'reply_parameters',
    shape: replyParameters,
    what: 'reply parameters',
  })
  const id = given?.message_id ?? numberOf(parameters, 'reply_to_message_id')
  if (id === 0) return undefined
  if (telegram.store.messages.find(channel.id, id))
    return { _: 'messageReplyHeader', reply_to_msg_id: id }
  const mayGoWithout = given
    ? given.allow_sending_without_reply === true
    : isSet(parameters, 'allow_sending_without_reply')
  if (mayGoWithout) return undefined
  throw badBotRequest('message to be replied not found')
}
