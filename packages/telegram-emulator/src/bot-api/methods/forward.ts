import { type ForwardOptions, forwardedContent } from '../../posts/forward.ts'
import { publish } from '../../posts/posts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { resolveChat, resolvePostable } from '../chats.ts'
import { toBotMessage } from '../objects/message.ts'
import { isSet, textOf } from '../request/parameters.ts'
import { type Doing, findMessage } from './existing-message.ts'
import { readCaption } from './message-text.ts'
import { checkRate, readBotSendOptions } from './send-options.ts'

/** https://core.telegram.org/bots/api#forwardmessage */
export function forwardMessage(call: BotCall): Record<string, unknown> {
  const { telegram, bot } = call
  const found = findSource(call, { verb: 'forward', participle: 'forwarded' })
  const message = publishAgain(call, found, { dropAuthor: false, dropCaption: false })
  return toBotMessage({ telegram, bot, channel: found.target, message })
}

/** https://core.telegram.org/bots/api#copymessage; a `caption` replaces the original one. */
export function copyMessage(call: BotCall): { message_id: number } {
  const found = findSource(call, { verb: 'copy', participle: 'copied' })
  const message = publishAgain(call, found, { dropAuthor: true, dropCaption: false })
  return { message_id: message.id }
}

interface Source {
  message: Message
  target: Channel
}

function findSource(call: BotCall, doing: Doing): Source {
  const { telegram, bot, parameters } = call
  const target = resolvePostable(telegram, bot, textOf(parameters, 'chat_id'))
  const source = resolveChat(telegram, bot, textOf(parameters, 'from_chat_id'))
  const message = findMessage(call, source, doing)
  if (message.details.noforwards) throw badBotRequest(`message can't be ${doing.participle}`)
  return { message, target }
}

function publishAgain(
  call: BotCall,
  { message, target }: Source,
  options: ForwardOptions,
): Message {
  const { telegram, bot, parameters } = call
  const content = forwardedContent(message, options)
  const { silent, noforwards, replyTo } = readBotSendOptions(call, target)
  const isCaptioned =
    options.dropAuthor && message.documentId !== null && parameters.fields.caption !== undefined
  const caption = isCaptioned ? readCaption(call) : null
  const invertMedia = isSet(parameters, 'show_caption_above_media') || content.details.invertMedia
  checkRate(call, target)
  const draft = {
    channelId: target.id,
    fromId: bot.id,
    text: caption?.text ?? content.text,
    documentId: content.documentId,
    details: {
      ...content.details,
      ...{ silent, noforwards, replyTo, invertMedia },
      entities: caption ? caption.entities : content.details.entities,
    },
    randomId: null,
  }
  const published = publish(telegram, draft, null)
  return published.message
}
