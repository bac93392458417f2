import type { StoredDocument } from '../../../core/ports/records.ts'
import { unavailable } from '../../errors.ts'
import type { Api, Gramjs } from '../connection/gramjs.ts'

/** The document a message carries, or null. */
export function documentOf({ Api }: Gramjs, message: Api.TypeMessage): Api.Document | null {
  if (!(message instanceof Api.Message)) return null
  const { media } = message
  if (!(media instanceof Api.MessageMediaDocument)) return null
  return media.document instanceof Api.Document ? media.document : null
}

/** The name that the document itself has, or null. */
export function fileNameOf({ Api }: Gramjs, { attributes }: Api.Document): string | null {
  const named = attributes.find((entry) => entry instanceof Api.DocumentAttributeFilename)
  return named?.fileName ?? null
}

/**
 * The messages in an answer of `messages.getHistory` or `channels.getMessages`. Throws
 * TELEGRAM_UNAVAILABLE for one that has none because nothing has changed: no call asks for that.
 */
export function messagesIn({ Api }: Gramjs, answer: Api.messages.TypeMessages): Api.TypeMessage[] {
  if (answer instanceof Api.messages.MessagesNotModified) throw unavailable()
  return answer.messages
}

export function toStoredDocument(document: Api.Document): StoredDocument {
  return {
    id: document.id.toString(),
    accessHash: document.accessHash.toString(),
    fileReference: document.fileReference.toString('base64'),
    dcId: document.dcId,
  }
}

/** A picture of a document, by its letter. */
export interface StoredThumbnail {
  readonly type: string
  /** Null: they have to be asked for. */
  readonly bytes: Uint8Array | null
}

/** The longest side of a thumbnail. */
const MAX_SIDE = 320

/**
 * The largest picture of a document within MAX_SIDE, or null. Outlines and blurred previews, which
 * come inside the message, are no pictures (core.telegram.org/api/files#image-thumbnail-types).
 */
export function thumbnailOf({ Api }: Gramjs, { thumbs }: Api.Document): StoredThumbnail | null {
  const [largest] = (thumbs ?? [])
    .flatMap((size) => (isPicture(Api, size) && Math.max(size.w, size.h) <= MAX_SIDE ? size : []))
    .sort((a, b) => b.w * b.h - a.w * a.h)
  if (!largest) return null
  return {
    type: largest.type,
    bytes: largest instanceof Api.PhotoCachedSize ? new Uint8Array(largest.bytes) : null,
  }
}

function isPicture(
  { PhotoSize, PhotoSizeProgressive, PhotoCachedSize }: Gramjs['Api'],
  size: Api.TypePhotoSize,
): size is Api.PhotoSize | Api.PhotoSizeProgressive | Api.PhotoCachedSize {
  return (
    size instanceof PhotoSize ||
    size instanceof PhotoSizeProgressive ||
    size instanceof PhotoCachedSize
  )
}

/** A message that was made, as far as the answer tells: always its id. */
export interface PostedMessage {
  id: number
  message: Api.Message | null
}

/**
 * The message out of what posting it answers: the new one itself, or an old one when the `random_id`
 * was known. Null when no update names it.
 */
export function postedMessage(
  { Api }: Gramjs,
  updates: Api.TypeUpdates,
  { randomId, isPosted }: { randomId: string; isPosted: (message: Api.Message) => boolean },
): PostedMessage | null {
  if (updates instanceof Api.UpdateShortSentMessage) return { id: updates.id, message: null }
  const list =
    updates instanceof Api.Updates || updates instanceof Api.UpdatesCombined ? updates.updates : []
  let byRandomId: number | null = null
  for (const update of list) {
    if (update instanceof Api.UpdateNewChannelMessage || update instanceof Api.UpdateNewMessage) {
      const { message } = update
      if (message instanceof Api.Message && isPosted(message)) return { id: message.id, message }
    }
    if (update instanceof Api.UpdateMessageID && update.randomId?.toString() === randomId) {
      byRandomId = update.id
    }
  }
  return byRandomId === null ? null : { id: byRandomId, message: null }
}
