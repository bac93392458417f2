import { badRequest, RpcError } from '../rpc-error.ts'
import type { Channel } from '../store/channels.ts'
import { isTlObject, long } from '../tl-fields.ts'
import type { TlObject, TlValue } from '../types.ts'
import type { View } from './entities.ts'

/**
 * Returns the channel that an InputChannel or InputPeer names; throws when the account may not see it.
 *
 * A bot may pass hash 0, a user never (https://core.telegram.org/api/peers#access-hash);
 * a hash that was given to another account is refused.
 */
export function resolveChannel(view: View, input: TlValue): Channel {
  if (!isTlObject(input)) throw badRequest('CHANNEL_INVALID')
  if (input._ !== 'inputChannel' && input._ !== 'inputPeerChannel')
    throw badRequest(input._.startsWith('inputPeer') ? 'PEER_ID_INVALID' : 'CHANNEL_INVALID')
  const { store } = view.telegram
  const { account } = view
  const id = Number(long(input, 'channel_id'))
  const hash = long(input, 'access_hash')
  const channel = store.channels.find(id)
  const isOwnHash = hash === store.hashes.access('channel', account.id, id)
  const mayOmit = account.kind === 'bot' && hash === 0n
  if (!channel || !(isOwnHash || mayOmit)) throw badRequest('CHANNEL_INVALID')
  if (!store.channels.member(id, account.id) && channel.username === null)
    throw badRequest('CHANNEL_PRIVATE')
  return channel
}

/** As `resolveChannel`, and throws when the account may not post in the channel. */
export function resolveWritable(view: View, input: TlValue): Channel {
  const channel = resolveChannel(view, input)
  if (!isAdministrator(view, channel)) throw new RpcError(403, 'CHAT_WRITE_FORBIDDEN')
  return channel
}

/** Whether the account is the channel's creator or an administrator, who have every right here. */
export function isAdministrator({ telegram, account }: View, channel: Channel): boolean {
  const role = telegram.store.channels.member(channel.id, account.id)?.role
  return role === 'creator' || role === 'admin'
}

export const isSelfPeer = (input: TlObject): boolean => input._ === 'inputPeerSelf'
