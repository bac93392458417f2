import { publish } from '../../posts/posts.ts'
import type { BotCall } from '../call.ts'
import { resolvePostable } from '../chats.ts'
import { toBotMessage } from '../objects/message.ts'
import { textOf } from '../request/parameters.ts'
import { readMessageText } from './message-text.ts'
import { checkRate, readBotSendOptions } from './send-options.ts'

/** https://core.telegram.org/bots/api#sendmessage; links have no previews here. */
export function sendMessage(call: BotCall): Record<string, unknown> {
  const { telegram, bot, parameters } = call
  const channel = resolvePostable(telegram, bot, textOf(parameters, 'chat_id'))
  const { text, entities } = readMessageText(call)
  const options = readBotSendOptions(call, channel)
  checkRate(call, channel)
  const draft = {
    channelId: channel.id,
    fromId: bot.id,
    text,
    documentId: null,
    details: { ...options, entities },
    randomId: null,
  }
  const { message } = publish(telegram, draft, null)
  return toBotMessage({ telegram, bot, channel, message })
}
