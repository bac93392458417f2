import { badRequest } from '../rpc-error.ts'
import type { Channel } from '../store/channels.ts'
import type { Message } from '../store/messages.ts'
import { child, children, int, isTlObject, long } from '../tl-fields.ts'
import type { TlObject, TlValue } from '../types.ts'
import { toChannel, toChats, toMessage, toPeer, toUser, type View } from './entities.ts'
import { type Call, type Methods, refuseBot } from './method.ts'
import { resolveChannel } from './peers.ts'

/** One chat in an account's list. */
interface Dialog {
  channel: Channel
  top: Message
  folderId: number
}

const MAX_PAGE = 100

export const dialogMethods: Methods = {
  'messages.getDialogs': (call) => {
    refuseBot(call)
    return getDialogs(call)
  },
  'messages.getPinnedDialogs': (call) => {
    refuseBot(call)
    checkFolder(int(call.method, 'folder_id'))
    return toPeerDialogs(call, [])
  },
  'messages.getPeerDialogs': (call) => {
    refuseBot(call)
    const all = listDialogs(call, null)
    const wanted = children(call.method, 'peers').map(
      (peer) => resolveChannel(call, child(peer, 'peer')).id,
    )
    return toPeerDialogs(
      call,
      all.filter(({ channel }) => wanted.includes(channel.id)),
    )
  },
}

function getDialogs(call: Call): TlObject {
  const { method } = call
  // Without the flag: the chats of every folder (https://core.telegram.org/method/messages.getDialogs).
  const folderId = typeof method.folder_id === 'number' ? method.folder_id : null
  if (folderId !== null) checkFolder(folderId)
  const all = listDialogs(call, folderId)
  const limit = Math.min(Math.max(int(method, 'limit'), 1), MAX_PAGE)
  const start = all.findIndex((dialog) => isAfter(dialog, readOffset(call)))
  const page = start === -1 ? [] : all.slice(start, start + limit)
  const found = toLists(call, page)
  // A slice: there are more dialogs than this answer holds.
  if (page.length === all.length) return { _: 'messages.dialogs', ...found }
  return { _: 'messages.dialogsSlice', count: all.length, ...found }
}

/** 0: the list, 1: the archive (https://core.telegram.org/api/folders#peer-folders). */
function checkFolder(folderId: number): void {
  if (folderId !== 0 && folderId !== 1) throw badRequest('FOLDER_ID_INVALID')
}

interface Offset {
  date: number
  id: number
  channelId: number
}

function readOffset(call: Call): Offset {
  const peer = call.method.offset_peer
  const isNamed = isTlObject(peer) && peer._ === 'inputPeerChannel'
  if (isNamed && !isOwnHash(call, peer)) throw badRequest('OFFSET_PEER_ID_INVALID')
  return {
    date: int(call.method, 'offset_date'),
    id: int(call.method, 'offset_id'),
    channelId: isNamed ? Number(long(peer, 'channel_id')) : 0,
  }
}

function isOwnHash({ telegram, account }: Call, peer: TlObject): boolean {
  const hash = telegram.store.hashes.access('channel', account.id, Number(long(peer, 'channel_id')))
  return long(peer, 'access_hash') === hash
}

/**
 * Whether a dialog comes after the offset, which names the last one of the page before by its
 * top message's date and id and by its peer (https://core.telegram.org/api/offsets). Dialogs
 * that share a date are ordered by the rest; an offset without a date starts from the top.
 */
function isAfter({ channel, top }: Dialog, offset: Offset): boolean {
  if (offset.date === 0) return true
  if (top.date !== offset.date) return top.date < offset.date
  if (offset.id !== 0 && top.id !== offset.id) return top.id < offset.id
  return offset.channelId === 0 ? false : channel.id < offset.channelId
}

/** Newest first. */
function listDialogs({ telegram, account }: View, folderId: number | null): Dialog[] {
  const { channels, messages } = telegram.store
  const dialogs: Dialog[] = []
  for (const entry of channels.channelsOf(account.id)) {
    if (folderId !== null && entry.folderId !== folderId) continue
    const channel = channels.find(entry.channelId)
    const top = channel && messages.newest(channel.id)
    // A channel without messages is in no list.
    if (top) dialogs.push({ channel, top, folderId: entry.folderId })
  }
  return dialogs.sort(
    (a, b) => b.top.date - a.top.date || b.top.id - a.top.id || b.channel.id - a.channel.id,
  )
}

function toLists(view: View, dialogs: readonly Dialog[]): Record<string, TlObject[]> {
  return {
    dialogs: dialogs.map(toDialog),
    messages: dialogs.map(({ top }) => toMessage(view, top)),
    chats: dialogs.map(({ channel }) => toChannel(view, channel)),
    users: [toUser(view, view.account)],
  }
}

function toDialog({ channel, top, folderId }: Dialog): TlObject {
  return {
    _: 'dialog',
    peer: toPeer(channel.id),
    top_message: top.id,
    read_inbox_max_id: top.id,
    read_outbox_max_id: top.id,
    unread_count: 0,
    unread_mentions_count: 0,
    unread_reactions_count: 0,
    notify_settings: { _: 'peerNotifySettings' },
    pts: channel.pts,
    folder_id: folderId === 0 ? undefined : folderId,
  }
}

/** One channel's dialog with the objects that it names, as channelDifferenceTooLong has them. */
export function toChannelDialog(view: View, channel: Channel): Record<string, TlValue> {
  const top = view.telegram.store.messages.newest(channel.id)
  const messages = top ? [toMessage(view, top)] : []
  return {
    dialog: {
      _: 'dialog',
      peer: toPeer(channel.id),
      notify_settings: { _: 'peerNotifySettings' },
      top_message: top?.id ?? 0,
      pts: channel.pts,
    },
    messages,
    chats: toChats(view, channel, messages),
    users: [],
  }
}

function toPeerDialogs(view: View, dialogs: readonly Dialog[]): TlObject {
  return { _: 'messages.peerDialogs', ...toLists(view, dialogs), state: updatesState() }
}

export function updatesState(): TlObject {
  const date = Math.floor(Date.now() / 1000)
  return { _: 'updates.state', pts: 1, qts: 0, date, seq: 1, unread_count: 0 }
}
