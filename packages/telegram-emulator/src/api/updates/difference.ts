import { nowSeconds } from '../../lib/clock.ts'
import { badRequest } from '../../rpc-error.ts'
import type { Change } from '../../store/changes.ts'
import { child, children, flag, int } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toChannelDialog, updatesState } from '../dialogs.ts'
import { toChats, toMessage } from '../entities.ts'
import { type Call, type Methods, refuseBot } from '../method.ts'
import { resolveChannel } from '../peers.ts'
import { messagesOf, toUpdate } from './changes.ts'

/** The changes of channels, for clients that ask; private chats, of which there are none, stay empty. */
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

/** The most updates that one answer holds: "Ordinary (non-bot) users are supposed to pass 10-100". */
const LIMIT_MAX = { user: 100, bot: 100_000 }
const TIMEOUT_SECONDS = 60

/** https://core.telegram.org/method/updates.getChannelDifference */
function getChannelDifference(call: Call): TlObject {
  const { telegram, account, method } = call
  const channel = resolveChannel(call, child(method, 'channel'))
  const pts = int(method, 'pts')
  checkPts(pts)
  if (pts > channel.pts) throw badRequest('PERSISTENT_TIMESTAMP_INVALID')
  const timeout = TIMEOUT_SECONDS
  if (pts === channel.pts) return { _: 'updates.channelDifferenceEmpty', final: true, timeout, pts }
  const limit = Math.min(Math.max(int(method, 'limit'), 1), LIMIT_MAX[account.kind])
  const changes = telegram.store.changes.since(channel.id, pts, limit)
  if (!changes)
    return {
      _: 'updates.channelDifferenceTooLong',
      final: true,
      timeout,
      ...toChannelDialog(call, channel),
    }
  const reached = changes.at(-1)?.pts ?? channel.pts
  const difference = toDifference(call, changes)
  return {
    _: 'updates.channelDifference',
    // Without it the client asks again, from the pts that this answer reaches.
    final: reached === channel.pts,
    timeout,
    pts: reached,
    ...difference,
    chats: toChats(call, channel, [
      ...difference.new_messages,
      ...messagesOf(difference.other_updates),
    ]),
    users: [],
  }
}

function checkPts(pts: number): void {
  if (pts === 0) throw badRequest('PERSISTENT_TIMESTAMP_EMPTY')
  if (pts < 0) throw badRequest('PERSISTENT_TIMESTAMP_INVALID')
}

/** New messages as they are now, and the last edit of each older one; deleted messages are left out. */
function toDifference(
  call: Call,
  changes: readonly Change[],
): { new_messages: TlObject[]; other_updates: TlObject[] } {
  const isWanted = readFilter(child(call.method, 'filter'))
  const latest = new Map<number, Change>()
  for (const change of changes)
    if (change.kind !== 'delete') latest.set(change.messageIds[0] ?? 0, change)
  const fresh = changes.filter(({ kind }) => kind === 'new').flatMap(({ messageIds }) => messageIds)
  const isShown = (change: Change): boolean => {
    const id = change.messageIds[0] ?? 0
    if (change.kind === 'new') return false
    return change.kind === 'delete' || (latest.get(id) === change && !fresh.includes(id))
  }
  const { messages } = call.telegram.store
  return {
    new_messages: fresh.filter(isWanted).flatMap((id) => {
      const message = messages.find(changes[0]?.channelId ?? 0, id)
      return message ? [toMessage(call, message)] : []
    }),
    other_updates: changes.filter(isShown).flatMap((change) => toUpdate(call, change) ?? []),
  }
}

/** https://core.telegram.org/constructor/channelMessagesFilter */
function readFilter(filter: TlObject): (id: number) => boolean {
  if (filter._ !== 'channelMessagesFilter') return () => true
  const ranges = children(filter, 'ranges')
  return (id) =>
    !flag(filter, 'exclude_new_messages') &&
    ranges.some((range) => int(range, 'min_id') <= id && id <= int(range, 'max_id'))
}
