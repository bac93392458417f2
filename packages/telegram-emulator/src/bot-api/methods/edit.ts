import { edit, remove } from '../../posts/posts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { resolveChat, resolvePostable } from '../chats.ts'
import { toBotMessage } from '../objects/message.ts'
import { isSet, numberOf, textOf } from '../request/parameters.ts'
import { findMessage } from './existing-message.ts'
import { type BotText, readCaption, readMessageText } from './message-text.ts'
import { refuseOthers } from './send-options.ts'

const EDITING = { verb: 'edit', participle: 'edited' }

/** https://core.telegram.org/bots/api#editmessagetext */
export function editMessageText(call: BotCall): Record<string, unknown> {
  const { channel, message } = findEditable(call)
  if (message.documentId !== null) throw badBotRequest('there is no text in the message to edit')
  return replaceText(call, { channel, message, ...readMessageText(call) })
}

/** https://core.telegram.org/bots/api#editmessagecaption; without `caption` it is removed. */
export function editMessageCaption(call: BotCall): Record<string, unknown> {
  const { channel, message } = findEditable(call)
  if (message.documentId === null) throw badBotRequest('there is no caption in the message to edit')
  return replaceText(call, { channel, message, ...readCaption(call) })
}

function findEditable(call: BotCall): { channel: Channel; message: Message } {
  const { telegram, bot, parameters } = call
  const channel = resolvePostable(telegram, bot, textOf(parameters, 'chat_id'))
  const message = findMessage(call, channel, EDITING)
  if (message.details.forward) throw badBotRequest("message can't be edited")
  refuseOthers(call)
  return { channel, message }
}

function replaceText(
  { telegram, bot, parameters }: BotCall,
  { channel, message, text, entities }: BotText & { channel: Channel; message: Message },
): Record<string, unknown> {
  const { documentId } = message
  const invertMedia = isSet(parameters, 'show_caption_above_media')
  const content = { text, documentId, details: { entities, invertMedia } }
  const written = edit(telegram, message, content, null)
  if (!written)
    throw badBotRequest(
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    )
  return toBotMessage({ telegram, bot, channel, message: written.message })
}

/** https://core.telegram.org/bots/api#deletemessage */
export function deleteMessage({ telegram, bot, parameters }: BotCall): true {
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  const id = numberOf(parameters, 'message_id')
  if (id === 0) throw badBotRequest('message identifier is not specified')
  if (telegram.store.channels.member(channel.id, bot.id)?.role !== 'admin')
    throw badBotRequest("message can't be deleted")
  if (!remove(telegram, { channelId: channel.id, ids: [id] }, null))
    throw badBotRequest('message to delete not found')
  return true
}
