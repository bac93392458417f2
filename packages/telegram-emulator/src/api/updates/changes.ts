import type { Change } from '../../store/changes.ts'
import { isTlObject } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toMessage, type View } from '../entities.ts'

/**
 * One change of a channel as an Update, with messages as they are now; null when its message is
 * gone (https://core.telegram.org/api/updates).
 */
export function toUpdate(view: View, change: Change): TlObject | null {
  const { channelId, kind, messageIds, pts, ptsCount: pts_count } = change
  if (kind === 'delete')
    return {
      _: 'updateDeleteChannelMessages',
      channel_id: BigInt(channelId),
      messages: messageIds,
      pts,
      pts_count,
    }
  const message = view.telegram.store.messages.find(channelId, messageIds[0] ?? 0)
  if (!message) return null
  return {
    _: kind === 'new' ? 'updateNewChannelMessage' : 'updateEditChannelMessage',
    message: toMessage(view, message),
    pts,
    pts_count,
  }
}

/** The messages that some updates carry. */
export const messagesOf = (updates: readonly TlObject[]): TlObject[] =>
  updates.flatMap(({ message }) => (isTlObject(message) ? [message] : []))
