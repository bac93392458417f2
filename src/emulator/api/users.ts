import { badRequest } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import { child, children, long, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toChannel, toPeer, toUser, type View } from './entities.ts'
import type { Methods } from './method.ts'

export const userMethods: Methods = {
  'users.getUsers': (call) =>
    children(call.method, 'id').map((input) => toUser(call, resolveUser(call, input))),
  'users.getFullUser': (call) => {
    const user = resolveUser(call, child(call.method, 'id'))
    return {
      _: 'users.userFull',
      full_user: toFullUser(user),
      chats: [],
      users: [toUser(call, user)],
    }
  },
  'contacts.resolveUsername': (call) => {
    const username = text(call.method, 'username').replace(/^@/, '')
    const { channels, accounts } = call.telegram.store
    const channel = channels.findByUsername(username)
    if (channel)
      return resolved(toPeer(channel.id), { chats: [toChannel(call, channel)], users: [] })
    const user = accounts.findByUsername(username)
    if (!user) throw badRequest('USERNAME_NOT_OCCUPIED')
    const peer = { _: 'peerUser', user_id: BigInt(user.id) }
    return resolved(peer, { chats: [], users: [toUser(call, user)] })
  },
}

function resolved(peer: TlObject, found: { chats: TlObject[]; users: TlObject[] }): TlObject {
  return { _: 'contacts.resolvedPeer', peer, ...found }
}

function resolveUser(view: View, input: TlObject): Account {
  const { store } = view.telegram
  if (input._ === 'inputUserSelf') return view.account
  if (input._ !== 'inputUser') throw badRequest('USER_ID_INVALID')
  const id = Number(long(input, 'user_id'))
  const user = store.accounts.find(id)
  const hash = long(input, 'access_hash')
  const isOwnHash = hash === store.hashes.access('user', view.account.id, id)
  if (!user || !(isOwnHash || (view.account.kind === 'bot' && hash === 0n)))
    throw badRequest('USER_ID_INVALID')
  return user
}

function toFullUser(user: Account): TlObject {
  return {
    _: 'userFull',
    id: BigInt(user.id),
    settings: { _: 'peerSettings' },
    notify_settings: { _: 'peerNotifySettings' },
    common_chats_count: 0,
  }
}
