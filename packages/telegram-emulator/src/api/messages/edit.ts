import { mayHold } from '../../posts/albums.ts'
import { type Content, edit, isService } from '../../posts/posts.ts'
import { badRequest, RpcError } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { child, flag, int, isTlObject } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call, Methods } from '../method.ts'
import { isAdministrator, mayChange, resolveChannel } from '../peers.ts'
import { writtenUpdates } from './answers.ts'
import { type ResolvedMedia, resolveMedia } from './media-input.ts'
import { readText } from './message-text.ts'

export const editMethods: Methods = { 'messages.editMessage': editMessage }

/**
 * https://core.telegram.org/method/messages.editMessage. Posts of a channel can be edited for ever;
 * forwards cannot be edited at all.
 */
async function editMessage(call: Call): Promise<TlObject> {
  const { telegram, method } = call
  const channel = resolveChannel(call, child(method, 'peer'))
  if (!isAdministrator(call, channel)) throw new RpcError(403, 'CHAT_ADMIN_REQUIRED')
  // "Message author required": of another one's post the right to edit is needed.
  if (!mayChange(call, findEditable(call, channel), 'edit'))
    throw new RpcError(403, 'MESSAGE_AUTHOR_REQUIRED')
  const media = isTlObject(method.media) ? await resolveMedia(call, method.media) : null
  // The message may have changed while its new medium was made.
  const message = findEditable(call, channel)
  if (media && !mayHold(telegram, message, media.document))
    throw badRequest('MEDIA_GROUPED_INVALID')
  const written = edit(telegram, message, readContent(call, message, media), call.session)
  if (!written) throw badRequest('MESSAGE_NOT_MODIFIED')
  return writtenUpdates(call, [written])
}

function findEditable({ telegram, account, method }: Call, channel: Channel): Message {
  const message = telegram.store.messages.find(channel.id, int(method, 'id'))
  // The id of a scheduled message or of a quick reply is of another kind, and there are none.
  const isOfAnotherKind =
    typeof method.schedule_date === 'number' || typeof method.quick_reply_shortcut_id === 'number'
  if (!message || isService(message) || message.details.forward || isOfAnotherKind)
    throw badRequest('MESSAGE_ID_INVALID')
  if (isTlObject(method.reply_markup) && account.kind === 'bot')
    throw badRequest('REPLY_MARKUP_INVALID')
  return message
}

/** A field that is left out keeps its part of the message. */
function readContent(call: Call, message: Message, media: ResolvedMedia | null): Content {
  const { method } = call
  const documentId = media?.document.id ?? message.documentId
  const kept = { text: message.text, entities: message.details.entities }
  const { text, entities } =
    typeof method.message === 'string'
      ? readText(call, method, documentId === null ? 'message' : 'caption')
      : kept
  const invertMedia = flag(method, 'invert_media')
  return { text, documentId, details: { ...media?.details, entities, invertMedia } }
}
