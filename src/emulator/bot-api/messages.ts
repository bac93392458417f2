import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { Channel } from '../store/channels.ts'
import type { Document } from '../store/documents.ts'
import type { Message } from '../store/messages.ts'
import { toChat } from './chats.ts'
import { toBotFileIds } from './file-ids.ts'

export interface BotMessageOptions {
  telegram: Telegram
  bot: Account
  channel: Channel
  message: Message
  document: Document
  /** `disable_content_type_detection` was not set. */
  detectContent: boolean
}

/** https://core.telegram.org/bots/api#message */
export function toBotMessage(options: BotMessageOptions): Record<string, unknown> {
  const { telegram, bot, channel, message, document, detectContent } = options
  const chat = toChat(channel)
  return {
    message_id: message.id,
    sender_chat: chat,
    chat,
    date: message.date,
    ...toMedia(toBotDocument(telegram, bot, document), document.mimeType, detectContent),
    ...(message.text === '' ? {} : { caption: message.text }),
  }
}

/** https://core.telegram.org/bots/api#document */
export function toBotDocument(
  telegram: Telegram,
  bot: Account,
  document: Document,
): Record<string, unknown> {
  const { fileId, fileUniqueId } = toBotFileIds(telegram, bot, document)
  return {
    file_name: document.fileName,
    mime_type: document.mimeType,
    file_id: fileId,
    file_unique_id: fileUniqueId,
    file_size: document.size,
  }
}

/** Unless told not to, the Bot API turns files into what they look like, and answers so. */
function toMedia(
  document: Record<string, unknown>,
  mimeType: string,
  detectContent: boolean,
): Record<string, unknown> {
  if (detectContent && mimeType === 'image/gif') return { animation: document, document }
  if (detectContent && mimeType === 'video/mp4') return { video: document }
  if (detectContent && mimeType === 'audio/mpeg') return { audio: document }
  return { document }
}
