import { nowSeconds } from '../../lib/clock.ts'
import type { WrittenMessage } from '../../store/messages.ts'
import type { TlObject } from '../../types.ts'
import { toChats, type View } from '../entities.ts'
import { messagesOf, toUpdate } from '../updates/changes.ts'

/** The updates that a send method answers with. */
export function sentUpdates(
  view: View,
  written: readonly WrittenMessage[],
  randomIds: readonly string[],
): TlObject {
  const last = written.at(-1)
  return {
    ...writtenUpdates(view, written),
    updates: [
      ...written.map(({ message }, index) => ({
        _: 'updateMessageID',
        id: message.id,
        random_id: BigInt(randomIds[index] ?? 0),
      })),
      ...(last ? [readInbox(last)] : []),
      ...updatesOf(view, written),
    ],
  }
}

/** The updates that an edit answers with. */
export function writtenUpdates(view: View, written: readonly WrittenMessage[]): TlObject {
  const [first] = written
  const updates = updatesOf(view, written)
  const channel = first && view.telegram.store.channels.find(first.message.channelId)
  return {
    _: 'updates',
    updates,
    users: [],
    chats: channel ? toChats(view, channel, messagesOf(updates)) : [],
    date: nowSeconds(),
    seq: 0,
  }
}

const updatesOf = (view: View, written: readonly WrittenMessage[]): TlObject[] =>
  written.flatMap(({ change }) => toUpdate(view, change) ?? [])

const readInbox = ({ message, change }: WrittenMessage): TlObject => ({
  _: 'updateReadChannelInbox',
  channel_id: BigInt(message.channelId),
  max_id: message.id,
  still_unread_count: 0,
  pts: change.pts,
})
