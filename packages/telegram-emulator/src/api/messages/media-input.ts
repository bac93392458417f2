import type { FileClaim } from '../../files/bytes.ts'
import { toThumb } from '../../files/thumbs.ts'
import { badRequest } from '../../rpc-error.ts'
import type { Document, Thumb } from '../../store/documents.ts'
import type { MessageDetails } from '../../store/messages.ts'
import { child, children, flag, int, isTlObject, long, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call } from '../method.ts'
import { readAttributes } from './attributes.ts'
import { resolveDocument } from './document-input.ts'

/** An InputMedia, resolved: the document, and how the message shows it. */
export interface ResolvedMedia {
  document: Document
  details: Pick<MessageDetails, 'spoiler' | 'videoTimestamp'>
}

/** A type such as `video/mp4; codecs=avc1`, in plain ASCII; Telegram gives no grammar for it. */
const MIME_TYPE = /^[\x20-\x7e]{0,255}$/

/** Returns the document of an InputMedia; makes it of uploaded parts where the media is new. */
export async function resolveMedia(call: Call, media: TlObject): Promise<ResolvedMedia> {
  if (media._ === 'inputMediaEmpty') throw badRequest('MEDIA_EMPTY')
  const isUploaded = media._ === 'inputMediaUploadedDocument'
  if (!isUploaded && media._ !== 'inputMediaDocument') throw badRequest('MEDIA_INVALID')
  // Self-destructing media is for private chats (https://core.telegram.org/method/messages.sendMedia).
  if (typeof media.ttl_seconds === 'number') throw badRequest('TTL_MEDIA_INVALID')
  // A cover is a photo, and this Telegram has no photos.
  if (isTlObject(media.video_cover) && media.video_cover._ !== 'inputPhotoEmpty')
    throw badRequest('PHOTO_INVALID')
  const { video_timestamp: timestamp } = media
  return {
    document: isUploaded ? await uploadedDocument(call, media) : knownDocument(call, media),
    details: {
      spoiler: flag(media, 'spoiler'),
      // A new medium does not keep the start of the one that it replaces.
      videoTimestamp: typeof timestamp === 'number' ? timestamp : undefined,
    },
  }
}

function knownDocument(call: Call, media: TlObject): Document {
  const input = child(media, 'id')
  if (input._ !== 'inputDocument') throw badRequest('MEDIA_EMPTY')
  return resolveDocument(call, input, 'MEDIA_EMPTY')
}

async function uploadedDocument(call: Call, media: TlObject): Promise<Document> {
  const { parts } = call.telegram
  const file = child(media, 'file')
  const mimeType = text(media, 'mime_type') || 'application/octet-stream'
  // https://core.telegram.org/method/messages.setInlineBotResults names this error.
  if (!MIME_TYPE.test(mimeType)) throw badRequest('FILE_CONTENT_TYPE_INVALID')
  // There are no stickers either that a photo or video could have.
  if (Array.isArray(media.stickers) && media.stickers.length > 0)
    throw badRequest('STICKER_INVALID')
  const read = readAttributes(children(media, 'attributes'), mimeType)
  return parts.toDocument(call.account.id, toClaim(file), {
    fileName: read.fileName ?? text(file, 'name'),
    mimeType,
    // "Force the media file to be uploaded as document" (https://core.telegram.org/constructor/inputMediaUploadedDocument).
    kind: flag(media, 'force_file') ? 'document' : read.kind,
    attributes: read.attributes,
    thumb: isTlObject(media.thumb) ? await readThumb(call, media.thumb) : null,
  })
}

function toClaim(file: TlObject): FileClaim {
  const big = file._ === 'inputFileBig'
  if (!big && file._ !== 'inputFile') throw badRequest('MEDIA_INVALID')
  return {
    fileId: long(file, 'id').toString(),
    parts: int(file, 'parts'),
    big,
    md5: big ? '' : text(file, 'md5_checksum'),
  }
}

async function readThumb({ telegram, account }: Call, file: TlObject): Promise<Thumb> {
  const claim = toClaim(file)
  const thumb = claim.big ? null : toThumb(await telegram.parts.read(account.id, claim))
  if (!thumb) throw badRequest('IMAGE_PROCESS_FAILED')
  return thumb
}
