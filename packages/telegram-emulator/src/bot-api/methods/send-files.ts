import { randomUUID } from 'node:crypto'
import { copyFile, readFile, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MAX_THUMB_BYTES, toThumb } from '../../files/thumbs.ts'
import { publish } from '../../posts/posts.ts'
import type { Document, Thumb } from '../../store/documents.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { resolvePostable } from '../chats.ts'
import { fromBotFileId } from '../files/file-ids.ts'
import { mimeTypeOf } from '../files/mime-types.ts'
import { toBotMessage } from '../objects/message.ts'
import { attachedFile, isSet, numberOf, textOf } from '../request/parameters.ts'
import type { BotParameters, UploadedFile } from '../request/request.ts'
import { readCaption } from './message-text.ts'
import { checkRate, readBotSendOptions } from './send-options.ts'

type NewDocument = Pick<Document, 'kind' | 'mimeType' | 'attributes'>

/** A method that sends a file: the parameter that names it, and the media that it makes of it. */
interface SendMethod {
  field: 'document' | 'video'
  describe: (call: BotCall, mimeType: string) => NewDocument
}

/** https://core.telegram.org/bots/api#senddocument */
export const sendDocument = (call: BotCall): Promise<Record<string, unknown>> =>
  sendFile(call, { field: 'document', describe: describeDocument })

/** https://core.telegram.org/bots/api#sendvideo */
export const sendVideo = (call: BotCall): Promise<Record<string, unknown>> =>
  sendFile(call, { field: 'video', describe: describeVideo })

async function sendFile(call: BotCall, method: SendMethod): Promise<Record<string, unknown>> {
  const { telegram, bot, parameters } = call
  const channel = resolvePostable(telegram, bot, textOf(parameters, 'chat_id'))
  const { text, entities } = readCaption(call)
  const options = readBotSendOptions(call, channel)
  // A cover is a photo, and this Telegram has no photos.
  if (textOf(parameters, 'cover') !== '') throw badBotRequest('PHOTO_INVALID')
  checkRate(call, channel)
  const document = await findDocument(call, method)
  const draft = {
    channelId: channel.id,
    fromId: bot.id,
    text,
    documentId: document.id,
    details: {
      ...options,
      entities,
      spoiler: isSet(parameters, 'has_spoiler'),
      invertMedia: isSet(parameters, 'show_caption_above_media'),
      videoTimestamp: numberOf(parameters, 'start_timestamp') || undefined,
    },
    randomId: null,
  }
  const { message } = publish(telegram, draft, null)
  return toBotMessage({ telegram, bot, channel, message })
}

/** Makes a document of the attached file, or finds the one that a file_id names: that keeps its kind. */
async function findDocument(call: BotCall, method: SendMethod): Promise<Document> {
  const { telegram, bot, parameters } = call
  const { field } = method
  const named = textOf(parameters, field)
  const attached = attachedFile(parameters, field)
  if (attached) return adopt(call, attached, method)
  if (named === '') throw badBotRequest(`there is no ${field} in the request`)
  if (telegram.settings.botApiLocal && named.startsWith('file://'))
    return adoptLocal(call, named, method)
  const file = fromBotFileId(telegram, bot, named)
  if (!file) throw badBotRequest('wrong file identifier/HTTP URL specified')
  // https://core.telegram.org/bots/api#sending-files: "can't resend thumbnails".
  if (file.isThumb)
    throw badBotRequest(
      `can't use file of type Thumbnail as ${field === 'video' ? 'Video' : 'Document'}`,
    )
  return file.document
}

async function adopt(
  call: BotCall,
  file: UploadedFile,
  { describe }: SendMethod,
): Promise<Document> {
  const { telegram, parameters } = call
  if (file.size === 0) throw badBotRequest('file must be non-empty')
  // The names of folders are left out.
  const fileName = file.fileName.replace(/^.*[/\\]/s, '') || 'file'
  return telegram.files.adopt(file.path, {
    size: file.size,
    fileName,
    ...describe(call, mimeTypeOf(fileName, file.contentType)),
    thumb: await readThumb(parameters),
  })
}

/** Unless detection is disabled, the Bot API sends these types as media of their own kind. */
const DETECTED = new Map<string, Pick<Document, 'kind' | 'attributes'>>([
  ['image/gif', { kind: 'animation', attributes: [{ _: 'documentAttributeAnimated' }] }],
  ['video/mp4', { kind: 'video', attributes: [{ _: 'documentAttributeVideo' }] }],
  ['audio/mpeg', { kind: 'audio', attributes: [{ _: 'documentAttributeAudio' }] }],
])

const UNDETECTED: Pick<Document, 'kind' | 'attributes'> = { kind: 'document', attributes: [] }

function describeDocument({ parameters }: BotCall, mimeType: string): NewDocument {
  const isDetected = !isSet(parameters, 'disable_content_type_detection')
  return { mimeType, ...((isDetected && DETECTED.get(mimeType)) || UNDETECTED) }
}

/** The measures are those of the parameters: the emulator does not read videos. */
function describeVideo({ parameters }: BotCall, mimeType: string): NewDocument {
  const measure = (name: string): number => Math.max(numberOf(parameters, name), 0)
  return {
    kind: 'video',
    mimeType: mimeType.startsWith('video/') ? mimeType : 'video/mp4',
    attributes: [
      {
        _: 'documentAttributeVideo',
        supports_streaming: isSet(parameters, 'supports_streaming'),
        duration: measure('duration'),
        w: measure('width'),
        h: measure('height'),
      },
    ],
  }
}

/** "The thumbnail should be in JPEG format and less than 200 kB in size"; any other file is ignored. */
async function readThumb(parameters: BotParameters): Promise<Thumb | null> {
  const file = attachedFile(parameters, 'thumbnail') ?? attachedFile(parameters, 'thumb')
  return file && file.size > 0 && file.size < MAX_THUMB_BYTES
    ? toThumb(await readFile(file.path))
    : null
}

/** A server with --local reads files of its own disk. */
async function adoptLocal(call: BotCall, url: string, method: SendMethod): Promise<Document> {
  const path = join(call.telegram.store.spoolFolder, randomUUID())
  try {
    const file = await copyLocal(url, path)
    return await adopt(call, file, method)
  } finally {
    await rm(path, { force: true })
  }
}

async function copyLocal(url: string, path: string): Promise<UploadedFile> {
  try {
    const from = fileURLToPath(url)
    await copyFile(from, path)
    const { size } = await stat(path)
    return { path, size, fileName: basename(from), contentType: null }
  } catch {
    throw badBotRequest('invalid file HTTP URL specified')
  }
}
