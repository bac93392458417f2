import { nowSeconds } from '../context.ts'
import { badRequest } from '../rpc-error.ts'
import { child, int } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toChannelDialog, updatesState } from './dialogs.ts'
import { type Call, type Methods, refuseBot } from './method.ts'
import { resolveChannel } from './peers.ts'

/** Nothing is pushed. Of private chats there is nothing to be told, of a channel that it has changed. */
export const updateMethods: Methods = {
  'updates.getState': () => updatesState(),
  'updates.getDifference': (call) => {
    checkPts(int(call.method, 'pts'))
    return { _: 'updates.differenceEmpty', date: nowSeconds(), seq: 1 }
  },
  'updates.getChannelDifference': getChannelDifference,
  'account.updateStatus': (call) => {
    refuseBot(call)
    return true
  },
}

/** https://core.telegram.org/method/updates.getChannelDifference */
function getChannelDifference(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  const pts = int(call.method, 'pts')
  checkPts(pts)
  if (pts > channel.pts) throw badRequest('PERSISTENT_TIMESTAMP_INVALID')
  const common = { final: true, timeout: 60 }
  if (pts === channel.pts) return { _: 'updates.channelDifferenceEmpty', ...common, pts }
  // What has happened is not kept: the client has to read the channel again, as after a long time.
  return {
    _: 'updates.channelDifferenceTooLong',
    ...common,
    ...toChannelDialog(call, channel),
  }
}

function checkPts(pts: number): void {
  if (pts === 0) throw badRequest('PERSISTENT_TIMESTAMP_EMPTY')
  if (pts < 0) throw badRequest('PERSISTENT_TIMESTAMP_INVALID')
}
