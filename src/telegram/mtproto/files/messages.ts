import type { StoredDocument } from '../../../core/ports/records.ts'
import type { Api, Gramjs } from '../connection/gramjs.ts'

/** The document a message carries, or null. */
export function documentOf({ Api }: Gramjs, message: Api.TypeMessage): Api.Document | null {
  if (!(message instanceof Api.Message)) return null
  const { media } = message
  if (!(media instanceof Api.MessageMediaDocument)) return null
  return media.document instanceof Api.Document ? media.document : null
}

/** The messages in an answer of `messages.getHistory` or `channels.getMessages`. */
export function messagesIn({ Api }: Gramjs, answer: Api.messages.TypeMessages): Api.TypeMessage[] {
  return answer instanceof Api.messages.MessagesNotModified ? [] : answer.messages
}

export function toStoredDocument(document: Api.Document): StoredDocument {
  return {
    id: document.id.toString(),
    accessHash: document.accessHash.toString(),
    fileReference: document.fileReference.toString('base64'),
    dcId: document.dcId,
  }
}

/**
 * The id of the message that carries the document, out of what posting it answers: the new
 * message itself, or an old one when the `random_id` was known. Null when no update names it.
 */
export function postedMessageId(
  gramjs: Gramjs,
  updates: Api.TypeUpdates,
  wanted: { documentId: string; randomId: string },
): number | null {
  const { Api } = gramjs
  if (updates instanceof Api.UpdateShortSentMessage) return updates.id
  const list =
    updates instanceof Api.Updates || updates instanceof Api.UpdatesCombined ? updates.updates : []
  let byRandomId: number | null = null
  for (const update of list) {
    if (update instanceof Api.UpdateNewChannelMessage || update instanceof Api.UpdateNewMessage) {
      const document = documentOf(gramjs, update.message)
      if (document?.id.toString() === wanted.documentId) return update.message.id
    }
    if (update instanceof Api.UpdateMessageID && update.randomId?.toString() === wanted.randomId) {
      byRandomId = update.id
    }
  }
  return byRandomId
}
