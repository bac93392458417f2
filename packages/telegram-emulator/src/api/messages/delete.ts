import { remove } from '../../posts/posts.ts'
import { badRequest, RpcError } from '../../rpc-error.ts'
import { child, ints } from '../../tl-fields.ts'
import { updatesState } from '../dialogs.ts'
import type { Methods } from '../method.ts'
import { isAdministrator, mayChange, resolveChannel } from '../peers.ts'

/** Clients send a hundred ids at a time; Telegram does not document the limit. */
const MAX_IDS = 100

export const deleteMethods: Methods = {
  'channels.deleteMessages': (call) => {
    const channel = resolveChannel(call, child(call.method, 'channel'))
    const ids = ints(call.method, 'id')
    if (ids.length > MAX_IDS) throw badRequest('MSG_IDS_INVALID')
    const found = ids.flatMap((id) => call.telegram.store.messages.find(channel.id, id) ?? [])
    const mayAll =
      isAdministrator(call, channel) && found.every((message) => mayChange(call, message, 'delete'))
    if (!mayAll) throw new RpcError(403, 'MESSAGE_DELETE_FORBIDDEN')
    const wanted = { channelId: channel.id, ids }
    const change = remove(call.telegram, wanted, call.session)
    const { pts, ptsCount } = change ?? { pts: channel.pts, ptsCount: 0 }
    return { _: 'messages.affectedMessages', pts, pts_count: ptsCount }
  },
  /** Messages of private chats and groups, of which this Telegram has none. */
  'messages.deleteMessages': () => ({
    _: 'messages.affectedMessages',
    pts: updatesState().pts,
    pts_count: 0,
  }),
}
