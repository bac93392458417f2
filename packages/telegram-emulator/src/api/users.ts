import { badRequest } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import { child, children, long, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toChannel, toPeer, toUser, type View } from './entities.ts'
import type { Methods } from './method.ts'

/** https://core.telegram.org/method/contacts.resolveUsername */
const USERNAME = /^[a-z]\w{3,31}$/i

export const userMethods: Methods = {
  'users.getUsers': (call) =>
    children(call.method, 'id').map((input) => toUserOrEmpty(call, input)),
  'users.getFullUser': (call) => {
    const user = resolveUser(call, child(call.method, 'id'))
    if (!user) throw badRequest('USER_ID_INVALID')
    return {
      _: 'users.userFull',
      full_user: toFullUser(user),
      chats: [],
      users: [toUser(call, user)],
    }
  },
  'contacts.resolveUsername': (call) => {
    const username = text(call.method, 'username').replace(/^@/, '')
    if (!USERNAME.test(username)) throw badRequest('USERNAME_INVALID')
    // There are no referral links to bots here.
    if (typeof call.method.referer === 'string') throw badRequest('STARREF_EXPIRED')
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

/** A user who is not found is a userEmpty at the same place in the list (https://core.telegram.org/method/users.getUsers). */
function toUserOrEmpty(view: View, input: TlObject): TlObject {
  if (input._ === 'inputUserFromMessage') throw badRequest('MSG_ID_INVALID')
  const user = resolveUser(view, input)
  if (user) return toUser(view, user)
  return { _: 'userEmpty', id: input._ === 'inputUser' ? long(input, 'user_id') : 0n }
}

/** Returns the account that an InputUser or InputPeer names, or null when the access hash is not this account's own. */
export function resolveUser(view: View, input: TlObject): Account | null {
  const { store } = view.telegram
  if (input._ === 'inputUserSelf' || input._ === 'inputPeerSelf') return view.account
  if (input._ !== 'inputUser' && input._ !== 'inputPeerUser') return null
  const id = Number(long(input, 'user_id'))
  const user = store.accounts.find(id)
  const hash = long(input, 'access_hash')
  const isOwnHash = hash === store.hashes.access('user', view.account.id, id)
  return isOwnHash || (view.account.kind === 'bot' && hash === 0n) ? user : null
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
