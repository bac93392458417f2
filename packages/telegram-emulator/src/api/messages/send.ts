import { ALBUM_LENGTH_MAX, areGroupable, newGroupedId } from '../../posts/albums.ts'
import { type Draft, publish, publishAll } from '../../posts/posts.ts'
import { badRequest } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { MessageDetails, WrittenMessage } from '../../store/messages.ts'
import { child, children, long } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toMediaDocument } from '../entities.ts'
import type { Call, Methods } from '../method.ts'
import { isSelfPeer, resolveWritable } from '../peers.ts'
import { forwardMessages } from './forward.ts'
import { resolveMedia } from './media-input.ts'
import { readText } from './message-text.ts'
import { createSendOnce } from './random-ids.ts'
import { readSendOptions, refuseBusiness } from './send-options.ts'

export function createSendMethods(): Methods {
  const sendOnce = createSendOnce()

  return {
    'messages.uploadMedia': async (call) => {
      refuseBusiness(call)
      const peer = child(call.method, 'peer')
      if (!isSelfPeer(peer)) resolveWritable(call, peer)
      const { document, details } = await resolveMedia(call, child(call.method, 'media'))
      return toMediaDocument(call, document, details)
    },
    'messages.sendMessage': (call) => {
      const channel = resolveWritable(call, child(call.method, 'peer'))
      const randomId = randomIdOf(call.method)
      const sending = { channel, randomIds: [randomId] }
      return sendOnce(call, sending, async () => sendMessage(call, channel, randomId))
    },
    'messages.sendMedia': (call) => {
      const channel = resolveWritable(call, child(call.method, 'peer'))
      const randomId = randomIdOf(call.method)
      const sending = { channel, randomIds: [randomId] }
      return sendOnce(call, sending, () => sendMedia(call, channel, randomId))
    },
    'messages.sendMultiMedia': (call) => {
      const channel = resolveWritable(call, child(call.method, 'peer'))
      const album = children(call.method, 'multi_media')
      if (album.length === 0) throw badRequest('MEDIA_EMPTY')
      if (album.length > ALBUM_LENGTH_MAX) throw badRequest('MULTI_MEDIA_TOO_LONG')
      const sending = { channel, randomIds: album.map(randomIdOf) }
      return sendOnce(call, sending, () => sendAlbum(call, channel, album))
    },
    'messages.forwardMessages': (call) => forwardMessages(call, sendOnce),
  }
}

const randomIdOf = (holder: TlObject): string => long(holder, 'random_id').toString()

/** https://core.telegram.org/method/messages.sendMessage */
function sendMessage(call: Call, channel: Channel, randomId: string): WrittenMessage[] {
  const { text, entities } = readText(call, call.method, 'message')
  const details = { ...readSendOptions(call, channel), entities }
  const message = draft(call, channel, { text, details, randomId })
  return [publish(call.telegram, message, call.session)]
}

async function sendMedia(
  call: Call,
  channel: Channel,
  randomId: string,
): Promise<WrittenMessage[]> {
  const { text, entities } = readText(call, call.method, 'caption')
  const options = readSendOptions(call, channel)
  const { document, details } = await resolveMedia(call, child(call.method, 'media'))
  const content = {
    text,
    documentId: document.id,
    details: { ...options, ...details, entities },
    randomId,
  }
  return [publish(call.telegram, draft(call, channel, content), call.session)]
}

/**
 * Each medium of an album has been uploaded before, by messages.uploadMedia: uploaded parts are
 * refused (https://core.telegram.org/api/files#albums-grouped-media).
 */
async function sendAlbum(
  call: Call,
  channel: Channel,
  album: readonly TlObject[],
): Promise<WrittenMessage[]> {
  const options = readSendOptions(call, channel)
  const groupedId = album.length > 1 ? newGroupedId() : undefined
  const documents = []
  const drafts: Draft[] = []
  for (const single of album) {
    const { text, entities } = readText(call, single, 'caption')
    const media = child(single, 'media')
    if (media._ === 'inputMediaUploadedDocument') throw badRequest('MEDIA_INVALID')
    const { document, details } = await resolveMedia(call, media)
    documents.push(document)
    drafts.push(
      draft(call, channel, {
        text,
        documentId: document.id,
        details: { ...options, ...details, entities, groupedId },
        randomId: randomIdOf(single),
      }),
    )
  }
  if (!areGroupable(documents)) throw badRequest('MEDIA_GROUPED_INVALID')
  return publishAll(call.telegram, drafts, call.session)
}

const draft = (
  { account }: Call,
  channel: Channel,
  content: { text: string; documentId?: string; details: MessageDetails; randomId: string },
): Draft => ({ channelId: channel.id, fromId: account.id, documentId: null, ...content })
