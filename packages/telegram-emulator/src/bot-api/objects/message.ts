import type { Telegram } from '../../context.ts'
import { isService } from '../../posts/posts.ts'
import type { Account } from '../../store/accounts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Document } from '../../store/documents.ts'
import type { Message } from '../../store/messages.ts'
import { isTlObject } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toChat } from '../chats.ts'
import { toBotFileIds, toThumbFileIds } from '../files/file-ids.ts'
import { toBotEntities } from './message-entities.ts'

export interface BotMessageOptions {
  telegram: Telegram
  bot: Account
  channel: Channel
  message: Message
}

type Fields = Record<string, unknown>

/** https://core.telegram.org/bots/api#message */
export function toBotMessage(options: BotMessageOptions): Fields {
  const { telegram, channel, message } = options
  const { details } = message
  const chat = toChat(channel)
  const replied = findReplied(options)
  return {
    message_id: message.id,
    sender_chat: chat,
    chat,
    date: message.date,
    ...(details.editDate === undefined ? {} : { edit_date: details.editDate }),
    ...(details.groupedId === undefined ? {} : { media_group_id: String(details.groupedId) }),
    ...(details.forward ? { forward_origin: toOrigin(telegram, details.forward) } : {}),
    ...(details.noforwards ? { has_protected_content: true } : {}),
    ...(replied ? { reply_to_message: toBotMessage({ ...options, message: replied }) } : {}),
    ...toContent(options),
  }
}

/** "The Message object in this field will not contain further reply_to_message fields." */
function findReplied({ telegram, channel, message }: BotMessageOptions): Message | null {
  const id = Number(message.details.replyTo?.reply_to_msg_id ?? 0)
  const replied = telegram.store.messages.find(channel.id, id)
  return replied && { ...replied, details: { ...replied.details, replyTo: undefined } }
}

/** https://core.telegram.org/bots/api#messageoriginchannel */
function toOrigin({ store }: Telegram, { from_id, date, channel_post }: TlObject): Fields {
  const channelId = isTlObject(from_id) ? Number(from_id.channel_id) : 0
  const channel = store.channels.find(channelId)
  return { type: 'channel', date, chat: channel && toChat(channel), message_id: channel_post }
}

/** The text with its entities, or the media with its caption. */
function toContent({ telegram, bot, message }: BotMessageOptions): Fields {
  if (isService(message)) return { channel_chat_created: true }
  const { text, documentId, details } = message
  const document = documentId === null ? null : telegram.store.documents.find(documentId)
  const entities = toBotEntities(details.entities ?? [])
  if (!document) return { text, ...(entities.length === 0 ? {} : { entities }) }
  return {
    ...toMedia(toBotDocument(telegram, bot, document), document, details),
    ...(text === '' ? {} : { caption: text }),
    ...(entities.length === 0 ? {} : { caption_entities: entities }),
    ...(details.invertMedia ? { show_caption_above_media: true } : {}),
    ...(details.spoiler ? { has_media_spoiler: true } : {}),
  }
}

/** https://core.telegram.org/bots/api#document */
function toBotDocument(telegram: Telegram, bot: Account, document: Document): Fields {
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
function toPhotoSize(telegram: Telegram, bot: Account, document: Document): Fields {
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
  document: Fields,
  { kind, attributes }: Document,
  { videoTimestamp }: Message['details'],
): Fields {
  const measures = measuresOf(attributes)
  if (kind === 'animation') return { animation: { ...document, ...measures }, document }
  if (kind === 'audio') return { audio: { ...document, duration: measures.duration } }
  if (kind !== 'video') return { document }
  const start = videoTimestamp === undefined ? {} : { start_timestamp: videoTimestamp }
  return { video: { ...document, ...measures, ...start } }
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
