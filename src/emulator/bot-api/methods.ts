import { extname } from 'node:path'
import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { Document } from '../store/documents.ts'
import { badBotRequest } from './bot-api-error.ts'
import { resolveChat, toChat } from './chats.ts'
import { fromBotFileId, toBotFileIds } from './file-ids.ts'
import type { BotParameters } from './request.ts'
import { sendDocument } from './send-document.ts'

export interface BotCall {
  telegram: Telegram
  bot: Account
  parameters: BotParameters
}

type BotMethod = (call: BotCall) => unknown

/** Names are matched without regard to case, as the Bot API does. */
export const botMethods: Record<string, BotMethod> = {
  getme: ({ bot }) => ({
    ...toBotUser(bot),
    can_join_groups: true,
    can_read_all_group_messages: false,
    supports_inline_queries: false,
  }),
  getchat: ({ telegram, bot, parameters }) => ({
    ...toChat(resolveChat(telegram, bot, parameters.fields.chat_id)),
    accent_color_id: 0,
    max_reaction_count: 11,
  }),
  getchatmember: getChatMember,
  senddocument: sendDocument,
  getfile: getFile,
  deletemessage: deleteMessage,
  deletewebhook: () => true,
  getupdates: () => [],
}

/** The path at which `/file/bot<token>/` serves a document. */
export function toFilePath(document: Document): string {
  const ending = extname(document.fileName)
  // Paths are plain ASCII: an ending in another script is left out.
  return `documents/file_${document.id}${/^\.\w+$/.test(ending) ? ending : ''}`
}

export const fromFilePath = (path: string): string | null =>
  /^documents\/file_(\d+)(\.\w+)?$/.exec(path)?.[1] ?? null

function toBotUser(account: Account): Record<string, unknown> {
  return {
    id: account.id,
    is_bot: account.kind === 'bot',
    first_name: account.name,
    ...(account.username === null ? {} : { username: account.username }),
  }
}

function getChatMember({ telegram, bot, parameters }: BotCall): unknown {
  const channel = resolveChat(telegram, bot, parameters.fields.chat_id)
  const user = telegram.store.accounts.find(Number(parameters.fields.user_id))
  if (!user) throw badBotRequest('user not found')
  const role = telegram.store.channels.member(channel.id, user.id)?.role
  if (role !== 'admin') return { user: toBotUser(user), status: role ?? 'left' }
  return {
    user: toBotUser(user),
    status: 'administrator',
    can_be_edited: false,
    can_post_messages: true,
    can_edit_messages: true,
    can_delete_messages: true,
  }
}

/** https://core.telegram.org/bots/api#getfile */
function getFile({ telegram, bot, parameters }: BotCall): unknown {
  const { settings, store } = telegram
  const document = fromBotFileId(telegram, bot, parameters.fields.file_id ?? '')
  if (!document) throw badBotRequest('invalid file_id')
  if (!settings.botApiLocal && document.size > settings.botApiDownloadLimit)
    throw badBotRequest('file is too big')
  const { fileId, fileUniqueId } = toBotFileIds(telegram, bot, document)
  return {
    file_id: fileId,
    file_unique_id: fileUniqueId,
    file_size: document.size,
    // With --local the path is one on the server's disk.
    file_path: settings.botApiLocal ? store.documents.pathOf(document.id) : toFilePath(document),
  }
}

function deleteMessage({ telegram, bot, parameters }: BotCall): true {
  const { fields } = parameters
  const channel = resolveChat(telegram, bot, fields.chat_id)
  const { channels, messages } = telegram.store
  if (channels.member(channel.id, bot.id)?.role !== 'admin')
    throw badBotRequest("message can't be deleted")
  if (messages.delete(channel.id, [Number(fields.message_id)]) === 0)
    throw badBotRequest('message to delete not found')
  channels.bumpPts(channel.id, 1)
  return true
}
