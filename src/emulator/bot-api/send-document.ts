import { randomUUID } from 'node:crypto'
import { copyFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nowSeconds, type Telegram } from '../context.ts'
import type { Document } from '../store/documents.ts'
import { badBotRequest } from './bot-api-error.ts'
import { resolvePostable } from './chats.ts'
import { fromBotFileId } from './file-ids.ts'
import { toBotMessage } from './messages.ts'
import type { BotCall } from './methods.ts'
import { mimeTypeOf } from './mime-types.ts'
import type { UploadedFile } from './request.ts'

const CAPTION_LENGTH_MAX = 1024

/** https://core.telegram.org/bots/api#senddocument */
export async function sendDocument(call: BotCall): Promise<Record<string, unknown>> {
  const { telegram, bot, parameters } = call
  const { fields } = parameters
  const channel = resolvePostable(telegram, bot, fields.chat_id)
  const caption = fields.caption ?? ''
  if (caption.length > CAPTION_LENGTH_MAX) throw badBotRequest('message caption is too long')
  const document = await findDocument(call)
  const message = telegram.store.messages.append(
    {
      channelId: channel.id,
      date: nowSeconds(),
      fromId: bot.id,
      text: caption,
      documentId: document.id,
    },
    null,
  )
  telegram.counters.add('messagesPosted')
  const detectContent = fields.disable_content_type_detection !== 'true'
  return toBotMessage({ telegram, bot, channel, message, document, detectContent })
}

async function findDocument({ telegram, bot, parameters }: BotCall): Promise<Document> {
  const { fields, files } = parameters
  const named = fields.document ?? ''
  const attached = named.startsWith('attach://')
    ? files[named.slice('attach://'.length)]
    : files.document
  if (attached) return adopt(telegram, attached)
  if (named === '') throw badBotRequest('there is no document in the request')
  if (telegram.settings.botApiLocal && named.startsWith('file://'))
    return adopt(telegram, await copyLocal(telegram, fileURLToPath(named)))
  const document = fromBotFileId(telegram, bot, named)
  if (!document) throw badBotRequest('wrong file identifier/HTTP URL specified')
  return document
}

function adopt(telegram: Telegram, file: UploadedFile): Promise<Document> {
  if (file.size === 0) throw badBotRequest('file must be non-empty')
  // What a folder is called is nobody's business.
  const fileName = file.fileName.replace(/^.*[/\\]/s, '') || 'file'
  const mimeType = mimeTypeOf(fileName, file.contentType)
  return telegram.files.adopt(file.path, { size: file.size, fileName, mimeType })
}

/** A server with --local reads files of its own disk. */
async function copyLocal(telegram: Telegram, from: string): Promise<UploadedFile> {
  const path = join(telegram.store.spoolFolder, randomUUID())
  try {
    await copyFile(from, path)
  } catch {
    throw badBotRequest('invalid file HTTP URL specified')
  }
  const { size } = await stat(path)
  return { path, size, fileName: basename(from), contentType: null }
}
