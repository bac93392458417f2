import { nowSeconds } from '../context.ts'
import { child } from '../tl-fields.ts'
import { updatesState } from './dialogs.ts'
import type { Methods } from './method.ts'
import { resolveChannel } from './peers.ts'

/** Nothing is pushed; who asks for what it missed is told: nothing. */
export const updateMethods: Methods = {
  'updates.getState': () => updatesState(),
  'updates.getDifference': () => ({ _: 'updates.differenceEmpty', date: nowSeconds(), seq: 1 }),
  'updates.getChannelDifference': (call) => {
    const { pts } = resolveChannel(call, child(call.method, 'channel'))
    return { _: 'updates.channelDifferenceEmpty', final: true, pts, timeout: 60 }
  },
  'account.updateStatus': () => true,
}
