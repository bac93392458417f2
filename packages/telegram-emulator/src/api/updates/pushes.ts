import { HOME_DC, type Telegram } from '../../context.ts'
import { nowSeconds } from '../../lib/clock.ts'
import type { Change } from '../../store/changes.ts'
import type { RpcCall, TlObject } from '../../types.ts'
import { toChats } from '../entities.ts'
import { sessionOf } from '../method.ts'
import { messagesOf, toUpdate } from './changes.ts'

/** Sends changes of channels to the clients that want updates. */
export interface Pushes {
  /** Remembers the session of a call, unless the call does not want updates. */
  subscribe: (call: RpcCall) => void
}

interface Subscriber {
  authKeyId: string
  push: RpcCall['push']
  /** When the session was last seen, in epoch ms. */
  seenAt: number
}

/** A session that has had no connection for so long is given up. */
const GIVE_UP_MS = 10 * 60_000

/**
 * Pushes as Telegram does: to every session of a member that made a call on its main connection,
 * except calls in invokeWithoutUpdates; and not to the session whose call made the change, which
 * has the update in its answer (https://core.telegram.org/api/updates#subscribing-to-updates).
 */
export function createPushes(telegram: Telegram): Pushes {
  const subscribers = new Map<string, Subscriber>()
  const { accounts, channels, keys } = telegram.store

  function updatesFor({ authKeyId }: Subscriber, change: Change): TlObject | null {
    const account = accounts.find(keys.accountOf(authKeyId) ?? 0)
    const channel = channels.find(change.channelId)
    if (!account || !channel || !channels.member(channel.id, account.id)) return null
    const view = { telegram, account }
    const update = toUpdate(view, change)
    if (!update) return null
    const chats = toChats(view, channel, messagesOf([update]))
    return { _: 'updates', updates: [update], users: [], chats, date: nowSeconds(), seq: 0 }
  }

  telegram.feed.listen((change, by) => {
    if (!telegram.settings.pushUpdates) return
    for (const [session, subscriber] of subscribers) {
      const updates = session === by ? null : updatesFor(subscriber, change)
      if (!updates) continue
      if (subscriber.push(updates)) subscriber.seenAt = Date.now()
      else if (subscriber.seenAt < Date.now() - GIVE_UP_MS) subscribers.delete(session)
    }
  })

  return {
    subscribe: (call) => {
      const { method, wrappers, authKeyId, connection, push } = call
      const { dcId, mediaOnly } = connection.role
      const isMain = dcId === HOME_DC && !mediaOnly && !method._.startsWith('upload.')
      const isUnwanted = wrappers.some(({ _ }) => _ === 'invokeWithoutUpdates')
      if (!isMain || isUnwanted || keys.accountOf(authKeyId) === null) return
      subscribers.set(sessionOf(call), { authKeyId, push, seenAt: Date.now() })
    },
  }
}
