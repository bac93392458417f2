import type { Telegram } from '../../context.ts'
import type { Account } from '../../store/accounts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Document } from '../../store/documents.ts'
import type { Message } from '../../store/messages.ts'
import type { TlObject } from '../../types.ts'
import { toChat } from '../chats.ts'
import { toBotFileIds, toThumbFileIds } from '../files/file-ids.ts'
import { toBotEntities } from './message-entities.ts'

export interface BotMessageOptions {
  telegram: Telegram
  bot: Account
  channel: Channel
  message: Message
  document: Document
}

/** https://core.telegram.org/bots/api#message */
export function toBotMessage(options: BotMessageOptions): Record<string, unknown> {
  const { telegram, bot, channel, message, document } = options
  const { details } = message
  const chat = toChat(channel)
  const entities = toBotEntities(details.entities ?? [])
  const replied = findReplied(options)
  return {
    message_id: message.id,
    sender_chat: chat,
    chat,
    date: message.date,
    ...(details.noforwards ? { has_protected_content: true } : {}),
    ...(replied ? { reply_to_message: toBotMessage({ ...options, ...replied }) } : {}),
    ...toMedia(toBotDocument(telegram, bot, document), document),
    ...(message.text === '' ? {} : { caption: message.text }),
    ...(entities.length === 0 ? {} : { caption_entities: entities }),
  }
}

/** "The Message object in this field will not contain further reply_to_message fields." */
function findReplied({ telegram, channel, message }: BotMessageOptions): {
  message: Message
  document: Document
} | null {
  const { messages, documents } = telegram.store
  const id = Number(message.details.replyTo?.reply_to_msg_id ?? 0)
  const replied = messages.find(channel.id, id)
  const document = replied?.documentId ? documents.find(replied.documentId) : null
  if (!replied || !document) return null
  return { document, message: { ...replied, details: { ...replied.details, replyTo: undefined } } }
}

/** https://core.telegram.org/bots/api#document */
function toBotDocument(
  telegram: Telegram,
  bot: Account,
  document: Document,
): Record<string, unknown> {
  const { fileId, fileUniqueId } = toBotFileIds(telegram, bot, document)
  return {
    ...(document.fileName === '' ? {} : { file_name: document.fileName }),
    mime_type: document.mimeType,
    ...(document.thumb ? { thumbnail: toPhotoSize(telegram, bot, document) } : {}),
    file_id: fileId,
    file_unique_id: fileUniqueId,
    file_size: document.size,
  }
}

/** https://core.telegram.org/bots/api#photosize */
function toPhotoSize(
  telegram: Telegram,
  bot: Account,
  document: Document,
): Record<string, unknown> {
  const { fileId, fileUniqueId } = toThumbFileIds(telegram, bot, document)
  return {
    file_id: fileId,
    file_unique_id: fileUniqueId,
    width: document.thumb?.width ?? 0,
    height: document.thumb?.height ?? 0,
    file_size: document.thumb?.bytes.length ?? 0,
  }
}

/** A video, an audio file or an animation has a field of its own, with its measures; an animation is a document as well. */
function toMedia(
  document: Record<string, unknown>,
  { kind, attributes }: Document,
): Record<string, unknown> {
  const measures = measuresOf(attributes)
  if (kind === 'animation') return { animation: { ...document, ...measures }, document }
  if (kind === 'video') return { video: { ...document, ...measures } }
  if (kind === 'audio') return { audio: { ...document, duration: measures.duration } }
  return { document }
}

/** Zero for measures that were not given. */
function measuresOf(attributes: readonly TlObject[]): Record<string, number> {
  const sized = attributes.find(({ w }) => typeof w === 'number')
  const lasting = attributes.find(({ duration }) => typeof duration === 'number')
  return {
    width: Number(sized?.w ?? 0),
    height: Number(sized?.h ?? 0),
    duration: Math.ceil(Number(lasting?.duration ?? 0)),
  }
}
