import { z } from 'zod'
import { mayChange } from '../../api/peers.ts'
import { edit, remove } from '../../posts/posts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { resolveAdministered, resolveChat } from '../chats.ts'
import { toBotMessage } from '../objects/message.ts'
import { isSet, jsonOf, numberOf, textOf } from '../request/parameters.ts'
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
  const channel = resolveAdministered(telegram, bot, textOf(parameters, 'chat_id'))
  const message = findMessage(call, channel, EDITING)
  const mayEdit = mayChange({ telegram, account: bot }, message, 'edit')
  if (!mayEdit || message.details.forward) throw badBotRequest("message can't be edited")
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
export function deleteMessage(call: BotCall): true {
  const id = numberOf(call.parameters, 'message_id')
  if (id === 0) throw badBotRequest('message identifier is not specified')
  if (!removeAll(call, [id])) throw badBotRequest('message to delete not found')
  return true
}

const messageIds = z.array(z.int().positive()).max(100)

/**
 * https://core.telegram.org/bots/api#deletemessages: "If some of the specified messages can't be
 * found, they are skipped".
 */
export function deleteMessages(call: BotCall): true {
  const { parameters } = call
  const given = jsonOf(parameters, {
    name: 'message_ids',
    shape: messageIds,
    what: 'message identifiers',
  })
  if (!given || given.length === 0) throw badBotRequest('message identifiers are not specified')
  removeAll(call, given)
  return true
}

/** Returns false when there were no such messages. */
function removeAll({ telegram, bot, parameters }: BotCall, ids: readonly number[]): boolean {
  const { store } = telegram
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  const isAdmin = store.channels.member(channel.id, bot.id)?.role === 'admin'
  const found = ids.flatMap((id) => store.messages.find(channel.id, id) ?? [])
  const view = { telegram, account: bot }
  if (!isAdmin || found.some((message) => !mayChange(view, message, 'delete')))
    throw badBotRequest("message can't be deleted")
  return remove(telegram, { channelId: channel.id, ids }, null) !== null
}
