import { HOME_DC, type Telegram } from '../../context.ts'
import { nowSeconds } from '../../lib/clock.ts'
import type { Connection, RpcCall, TlObject } from '../../types.ts'
import { toChats } from '../entities.ts'
import { messagesOf, toUpdate } from './changes.ts'

/** Sends changes of channels to the clients that want updates. */
export interface Pushes {
  /** Remembers the session of a call, unless the call does not want updates. */
  subscribe: (call: RpcCall) => void
  closed: (connection: Connection) => void
}

interface Subscriber {
  connection: Connection
  authKeyId: string
  push: (updates: TlObject) => void
}

/**
 * Pushes as Telegram does: to every session of a member that made a call on its main connection,
 * except calls in invokeWithoutUpdates; and not to the connection whose call made the change, which
 * has the update in its answer (https://core.telegram.org/api/updates#subscribing-to-updates).
 */
export function createPushes(telegram: Telegram): Pushes {
  const subscribers = new Map<number, Subscriber>()
  const { accounts, channels, keys } = telegram.store

  telegram.feed.listen((change, by) => {
    const channel = channels.find(change.channelId)
    if (!channel || !telegram.settings.pushUpdates) return
    for (const { connection, authKeyId, push } of subscribers.values()) {
      const account = accounts.find(keys.accountOf(authKeyId) ?? 0)
      const isMember = account && channels.member(channel.id, account.id)
      if (!isMember || connection.id === by?.id) continue
      const view = { telegram, account }
      const update = toUpdate(view, change)
      if (!update) continue
      push({
        _: 'updates',
        updates: [update],
        users: [],
        chats: toChats(view, channel, messagesOf([update])),
        date: nowSeconds(),
        seq: 0,
      })
    }
  })

  return {
    subscribe: ({ method, wrappers, authKeyId, connection, push }) => {
      const { dcId, mediaOnly } = connection.role
      const isMain = dcId === HOME_DC && !mediaOnly && !method._.startsWith('upload.')
      const isUnwanted = wrappers.some(({ _ }) => _ === 'invokeWithoutUpdates')
      if (!isMain || isUnwanted || keys.accountOf(authKeyId) === null) return
      subscribers.set(connection.id, { connection, authKeyId, push })
    },
    closed: ({ id }) => void subscribers.delete(id),
  }
}
