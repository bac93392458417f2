import { remove } from '../../posts/posts.ts'
import { RpcError } from '../../rpc-error.ts'
import { child, ints } from '../../tl-fields.ts'
import { updatesState } from '../dialogs.ts'
import type { Methods } from '../method.ts'
import { isAdministrator, resolveChannel } from '../peers.ts'

export const deleteMethods: Methods = {
  'channels.deleteMessages': (call) => {
    const channel = resolveChannel(call, child(call.method, 'channel'))
    if (!isAdministrator(call, channel)) throw new RpcError(403, 'MESSAGE_DELETE_FORBIDDEN')
    const wanted = { channelId: channel.id, ids: ints(call.method, 'id') }
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
