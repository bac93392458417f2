import type { Telegram } from '../context.ts'
import type { AdminRight } from '../contract.ts'
import { thumbType } from '../files/thumbs.ts'
import { isService } from '../posts/posts.ts'
import type { Account } from '../store/accounts.ts'
import type { Channel } from '../store/channels.ts'
import type { Document, Thumb } from '../store/documents.ts'
import type { Message, MessageDetails } from '../store/messages.ts'
import { isTlObject } from '../tl-fields.ts'
import type { TlObject, TlValue } from '../types.ts'

/** The account for which objects are made: access hashes and file references are its own. */
export interface View {
  telegram: Telegram
  account: Account
}

export function toUser({ telegram, account }: View, user: Account): TlObject {
  const isBot = user.kind === 'bot'
  return {
    _: 'user',
    self: user.id === account.id,
    bot: isBot,
    bot_nochats: false,
    premium: user.premium,
    id: BigInt(user.id),
    access_hash: telegram.store.hashes.access('user', account.id, user.id),
    first_name: user.name,
    username: user.username ?? undefined,
    bot_info_version: isBot ? 1 : undefined,
  }
}

/** The rights of an administrator in a channel of this Telegram. */
export const adminRights = (lacks: readonly AdminRight[]): TlObject => ({
  _: 'chatAdminRights',
  change_info: true,
  post_messages: !lacks.includes('post'),
  edit_messages: !lacks.includes('edit'),
  delete_messages: !lacks.includes('delete'),
  invite_users: true,
  other: true,
})

export function toChannel({ telegram, account }: View, channel: Channel): TlObject {
  const { store } = telegram
  const member = store.channels.member(channel.id, account.id)
  const isAdmin = member?.role === 'creator' || member?.role === 'admin'
  return {
    _: 'channel',
    creator: member?.role === 'creator',
    left: member === null,
    broadcast: true,
    id: BigInt(channel.id),
    access_hash: store.hashes.access('channel', account.id, channel.id),
    title: channel.title,
    username: channel.username ?? undefined,
    photo: { _: 'chatPhotoEmpty' },
    date: channel.createdAt,
    admin_rights: isAdmin ? adminRights(member.lacks) : undefined,
    participants_count: store.channels.memberCount(channel.id),
  }
}

export function toDocument({ telegram, account }: View, document: Document): TlObject {
  const { hashes } = telegram.store
  return {
    _: 'document',
    id: BigInt(document.id),
    access_hash: hashes.access('document', account.id, document.id),
    file_reference: hashes.reference(account.id, document.id),
    date: document.date,
    mime_type: document.mimeType,
    size: BigInt(document.size),
    dc_id: document.dcId,
    thumbs: document.thumb ? [toPhotoSize(document.thumb)] : undefined,
    attributes: toAttributes(document),
  }
}

const toPhotoSize = (thumb: Thumb): TlObject => ({
  _: 'photoSize',
  type: thumbType(thumb),
  w: thumb.width,
  h: thumb.height,
  size: thumb.bytes.length,
})

function toAttributes({ attributes, fileName }: Document): TlObject[] {
  if (fileName === '') return [...attributes]
  return [...attributes, { _: 'documentAttributeFilename', file_name: fileName }]
}

export const toMediaDocument = (
  view: View,
  document: Document,
  { spoiler, videoTimestamp }: MessageDetails,
): TlObject => ({
  _: 'messageMediaDocument',
  spoiler: spoiler === true,
  video: document.kind === 'video' || document.kind === 'round',
  round: document.kind === 'round',
  voice: document.kind === 'voice',
  document: toDocument(view, document),
  video_timestamp: videoTimestamp,
})

export const toPeer = (channelId: number): TlObject => ({
  _: 'peerChannel',
  channel_id: BigInt(channelId),
})

export function toMessage(view: View, message: Message): TlObject {
  const common = {
    out: message.fromId === view.account.id,
    post: true,
    id: message.id,
    peer_id: toPeer(message.channelId),
    date: message.date,
  }
  const { store } = view.telegram
  const document = message.documentId === null ? null : store.documents.find(message.documentId)
  if (isService(message)) {
    const title = store.channels.find(message.channelId)?.title ?? ''
    return { _: 'messageService', ...common, action: { _: 'messageActionChannelCreate', title } }
  }
  const { details } = message
  return {
    _: 'message',
    ...common,
    silent: details.silent === true,
    noforwards: details.noforwards === true,
    invert_media: details.invertMedia === true,
    fwd_from: details.forward,
    reply_to: details.replyTo,
    message: message.text,
    media: document ? toMediaDocument(view, document, details) : undefined,
    entities: details.entities,
    views: 1,
    forwards: 0,
    edit_date: details.editDate,
    grouped_id: details.groupedId,
  }
}

/** The channel of some messages, and the other channels that they name: origins of forwards and replies. */
export function toChats(view: View, channel: Channel, messages: readonly TlObject[]): TlObject[] {
  const { channels } = view.telegram.store
  const named = messages.flatMap(({ fwd_from, reply_to }) => [
    channelIdIn(fwd_from, 'from_id'),
    channelIdIn(reply_to, 'reply_to_peer_id'),
  ])
  return [...new Set([channel.id, ...named])].flatMap((id) => {
    const found = channels.find(id)
    return found ? [toChannel(view, found)] : []
  })
}

function channelIdIn(header: TlValue, field: string): number {
  const peer = isTlObject(header) ? header[field] : undefined
  return isTlObject(peer) ? Number(peer.channel_id ?? 0) : 0
}
