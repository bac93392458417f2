import { randomUUID } from 'node:crypto'
import { copyFile, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Telegram } from '../../context.ts'
import { MAX_THUMB_BYTES, toThumb } from '../../files/thumbs.ts'
import { publish } from '../../posts/posts.ts'
import type { Document, Thumb } from '../../store/documents.ts'
import { badBotRequest } from '../bot-api-error.ts'
import { resolvePostable } from '../chats.ts'
import { fromBotFileId } from '../files/file-ids.ts'
import { mimeTypeOf } from '../files/mime-types.ts'
import type { BotCall } from '../methods.ts'
import { toBotMessage } from '../objects/message.ts'
import { attachedFile, isSet, textOf } from '../request/parameters.ts'
import type { BotParameters, UploadedFile } from '../request/request.ts'
import { readBotSendOptions } from './send-options.ts'

const CAPTION_LENGTH_MAX = 1024

/** https://core.telegram.org/bots/api#senddocument */
export async function sendDocument(call: BotCall): Promise<Record<string, unknown>> {
  const { telegram, bot, parameters } = call
  const channel = resolvePostable(telegram, bot, textOf(parameters, 'chat_id'))
  const text = textOf(parameters, 'caption')
  if (text.length > CAPTION_LENGTH_MAX) throw badBotRequest('message caption is too long')
  const details = readBotSendOptions(call, channel)
  const document = await findDocument(call)
  const { message } = publish(telegram, {
    channelId: channel.id,
    fromId: bot.id,
    text,
    documentId: document.id,
    details,
    randomId: null,
  })
  return toBotMessage({ telegram, bot, channel, message, document })
}

async function findDocument(call: BotCall): Promise<Document> {
  const { telegram, bot, parameters } = call
  const named = textOf(parameters, 'document')
  const attached = attachedFile(parameters, 'document')
  if (attached) return adopt(call, attached)
  if (named === '') throw badBotRequest('there is no document in the request')
  if (telegram.settings.botApiLocal && named.startsWith('file://'))
    return adopt(call, await copyLocal(telegram, fileURLToPath(named)))
  const file = fromBotFileId(telegram, bot, named)
  if (!file) throw badBotRequest('wrong file identifier/HTTP URL specified')
  // https://core.telegram.org/bots/api#sending-files: "can't resend thumbnails".
  if (file.isThumb) throw badBotRequest("can't use file of type Thumbnail as Document")
  return file.document
}

async function adopt(call: BotCall, file: UploadedFile): Promise<Document> {
  const { telegram, parameters } = call
  if (file.size === 0) throw badBotRequest('file must be non-empty')
  // The names of folders are left out.
  const fileName = file.fileName.replace(/^.*[/\\]/s, '') || 'file'
  const mimeType = mimeTypeOf(fileName, file.contentType)
  const isDetected = !isSet(parameters, 'disable_content_type_detection')
  return telegram.files.adopt(file.path, {
    size: file.size,
    fileName,
    mimeType,
    ...((isDetected && DETECTED[mimeType]) || UNDETECTED),
    thumb: await readThumb(parameters),
  })
}

/** Unless detection is disabled, the Bot API sends these types as media of their own kind. */
const DETECTED: Record<string, Pick<Document, 'kind' | 'attributes'>> = {
  'image/gif': { kind: 'animation', attributes: [{ _: 'documentAttributeAnimated' }] },
  'video/mp4': { kind: 'video', attributes: [{ _: 'documentAttributeVideo' }] },
  'audio/mpeg': { kind: 'audio', attributes: [{ _: 'documentAttributeAudio' }] },
}

const UNDETECTED: Pick<Document, 'kind' | 'attributes'> = { kind: 'document', attributes: [] }

/** "The thumbnail should be in JPEG format and less than 200 kB in size"; any other file is ignored. */
async function readThumb(parameters: BotParameters): Promise<Thumb | null> {
  const file = attachedFile(parameters, 'thumbnail') ?? attachedFile(parameters, 'thumb')
  return file && file.size > 0 && file.size < MAX_THUMB_BYTES
    ? toThumb(await readFile(file.path))
    : null
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
