import { extname } from 'node:path'
import type { Telegram } from '../context.ts'
import { sleep } from '../lib/sleep.ts'
import { remove } from '../posts/posts.ts'
import type { Account } from '../store/accounts.ts'
import { badBotRequest } from './bot-api-error.ts'
import { resolveChat } from './chats.ts'
import { type BotFile, fromBotFileId, toBotFileIds, toThumbFileIds } from './files/file-ids.ts'
import { getChat, getChatMember } from './methods/members.ts'
import { sendDocument } from './methods/send-document.ts'
import { toBotItself } from './objects/user.ts'
import { numberOf, textOf } from './request/parameters.ts'
import type { BotParameters } from './request/request.ts'

export interface BotCall {
  telegram: Telegram
  bot: Account
  parameters: BotParameters
  /** Aborts when the client has left. */
  signal: AbortSignal
}

type BotMethod = (call: BotCall) => unknown

/** Names are matched without regard to case, as the Bot API does; parameters that it does not know are ignored. */
export const botMethods: Record<string, BotMethod> = {
  getme: ({ bot }) => toBotItself(bot),
  getchat: getChat,
  getchatmember: getChatMember,
  senddocument: sendDocument,
  getfile: getFile,
  deletemessage: deleteMessage,
  deletewebhook: () => true,
  getwebhookinfo: () => ({ url: '', has_custom_certificate: false, pending_update_count: 0 }),
  getupdates: getUpdates,
}

/** The path at which `/file/bot<token>/` serves a file. */
export function toFilePath({ document, isThumb }: BotFile): string {
  if (isThumb) return `thumbnails/file_${document.id}.jpg`
  const ending = extname(document.fileName)
  // Paths are plain ASCII: an ending in another script is left out.
  return `documents/file_${document.id}${/^\.\w+$/.test(ending) ? ending : ''}`
}

/** Reads a path: the document's id, and whether its thumbnail is meant. */
export function fromFilePath(path: string): { id: string; isThumb: boolean } | null {
  const found = /^(documents|thumbnails)\/file_(\d+)(?:\.\w+)?$/.exec(path)
  return found ? { id: found[2] ?? '', isThumb: found[1] === 'thumbnails' } : null
}

/** https://core.telegram.org/bots/api#getfile */
function getFile({ telegram, bot, parameters }: BotCall): unknown {
  const { settings, store } = telegram
  const given = textOf(parameters, 'file_id')
  if (given === '') throw badBotRequest('file_id not specified')
  const file = fromBotFileId(telegram, bot, given)
  if (!file) throw badBotRequest('invalid file_id')
  const { document, isThumb } = file
  const size = isThumb ? (document.thumb?.bytes.length ?? 0) : document.size
  if (!settings.botApiLocal && size > settings.botApiDownloadLimit)
    throw badBotRequest('file is too big')
  const ids = isThumb ? toThumbFileIds : toBotFileIds
  const { fileId, fileUniqueId } = ids(telegram, bot, document)
  return {
    file_id: fileId,
    file_unique_id: fileUniqueId,
    file_size: size,
    // With --local the path is one on the server's disk.
    file_path:
      settings.botApiLocal && !isThumb ? store.documents.pathOf(document.id) : toFilePath(file),
  }
}

function deleteMessage({ telegram, bot, parameters }: BotCall): true {
  const channel = resolveChat(telegram, bot, textOf(parameters, 'chat_id'))
  const id = numberOf(parameters, 'message_id')
  if (id === 0) throw badBotRequest('message identifier is not specified')
  const { channels } = telegram.store
  if (channels.member(channel.id, bot.id)?.role !== 'admin')
    throw badBotRequest("message can't be deleted")
  if (!remove(telegram, channel.id, [id])) throw badBotRequest('message to delete not found')
  return true
}

/** At most this long is an answer held back (TDLib's server bounds it so). */
const MAX_POLL_SECONDS = 50

/** There are never updates; a long poll stays open for its timeout. */
async function getUpdates({ parameters, signal }: BotCall): Promise<unknown[]> {
  const seconds = Math.min(Math.max(numberOf(parameters, 'timeout'), 0), MAX_POLL_SECONDS)
  // The signal aborts when the client leaves; then no answer is needed.
  await sleep(seconds * 1000, signal).catch(() => {})
  return []
}
