import type { Api, Gramjs } from '../connection/gramjs.ts'
import { type ChannelSearch, toChannel } from './channel.ts'

/** The most that one `messages.getDialogs` answers. */
const PAGE = 100
/** The list of chats, and the archive (core.telegram.org/api/folders#peer-folders). */
const FOLDERS = [0, 1]
/** Pages of one folder at most: more dialogs than Telegram lets an account have. */
const MAX_PAGES = 200

interface Page {
  dialogs: Api.TypeDialog[]
  messages: Api.TypeMessage[]
  chats: Api.TypeChat[]
  users: Api.TypeUser[]
  complete: boolean
}

interface Offset {
  offsetDate: number
  offsetId: number
  offsetPeer: Api.TypeInputPeer
}

/** Walks a user's dialogs until the channel appears; its access hash, or null. */
export async function findInDialogs(search: ChannelSearch): Promise<string | null> {
  for (const folderId of FOLDERS) {
    const found = await findInFolder(search, folderId)
    if (found !== null) return found
  }
  return null
}

async function findInFolder(search: ChannelSearch, folderId: number): Promise<string | null> {
  const { account, options, id, onChannel } = search
  const { gramjs } = account
  const { Api, toLong } = gramjs
  let offset: Offset | null = {
    offsetDate: 0,
    offsetId: 0,
    offsetPeer: new Api.InputPeerEmpty(),
  }
  for (let count = 0; offset && count < MAX_PAGES; count++) {
    const request = new Api.messages.GetDialogs({
      ...offset,
      folderId,
      limit: PAGE,
      hash: toLong('0'),
    })
    const page = toPage(gramjs, await account.call(request, options))
    const channels = page.chats.map((chat) => toChannel(gramjs, chat))
    for (const channel of channels) if (channel) onChannel(channel)
    const found = channels.find((channel) => channel?.id === id)
    if (found) return found.accessHash
    offset = page.complete ? null : nextOffset(gramjs, page, offset)
  }
  return null
}

function toPage({ Api }: Gramjs, answer: Api.messages.TypeDialogs): Page {
  if (answer instanceof Api.messages.DialogsNotModified) {
    return { dialogs: [], messages: [], chats: [], users: [], complete: true }
  }
  const { dialogs, messages, chats, users } = answer
  const complete = answer instanceof Api.messages.Dialogs || dialogs.length === 0
  return { dialogs, messages, chats, users, complete }
}

/**
 * Where the next page begins: after the page's last dialog whose newest message is in it
 * (core.telegram.org/api/offsets). Null when there is none, or when the place would not move.
 */
function nextOffset(gramjs: Gramjs, page: Page, before: Offset): Offset | null {
  const { Api } = gramjs
  for (const dialog of page.dialogs.toReversed()) {
    if (!(dialog instanceof Api.Dialog) || dialog.pinned === true) continue
    const peer = peerName(gramjs, dialog.peer)
    const top = page.messages.find(
      (message) => message.id === dialog.topMessage && peerName(gramjs, message.peerId) === peer,
    )
    const offsetPeer = toInputPeer(gramjs, dialog.peer, page)
    if (!top || top instanceof Api.MessageEmpty || !offsetPeer) continue
    const still = top.id === before.offsetId && top.date === before.offsetDate
    return still ? null : { offsetDate: top.date, offsetId: top.id, offsetPeer }
  }
  return null
}

function peerName({ Api }: Gramjs, peer: Api.TypePeer | undefined): string {
  if (peer instanceof Api.PeerChannel) return `channel ${peer.channelId}`
  if (peer instanceof Api.PeerChat) return `chat ${peer.chatId}`
  return peer instanceof Api.PeerUser ? `user ${peer.userId}` : ''
}

function toInputPeer(
  { Api, toLong }: Gramjs,
  peer: Api.TypePeer,
  { chats, users }: Page,
): Api.TypeInputPeer | null {
  const none = toLong('0')
  if (peer instanceof Api.PeerChat) return new Api.InputPeerChat({ chatId: peer.chatId })
  if (peer instanceof Api.PeerUser) {
    const user = users.find(({ id }) => id.eq(peer.userId))
    const accessHash = user instanceof Api.User ? (user.accessHash ?? none) : none
    return new Api.InputPeerUser({ userId: peer.userId, accessHash })
  }
  const chat = chats.find(({ id }) => id.eq(peer.channelId))
  const known = chat instanceof Api.Channel || chat instanceof Api.ChannelForbidden
  const accessHash = known ? (chat.accessHash ?? none) : none
  return new Api.InputPeerChannel({ channelId: peer.channelId, accessHash })
}
