import type { AdminRight } from '../contract.ts'
import { badRequest, RpcError } from '../rpc-error.ts'
import type { Channel, Member } from '../store/channels.ts'
import type { Message } from '../store/messages.ts'
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
  if (!has(view.telegram.store.channels.member(channel.id, view.account.id), 'post'))
    throw new RpcError(403, 'CHAT_WRITE_FORBIDDEN')
  return channel
}

/** Whether the account may change the message: its own, or that of another one. */
export function mayChange(
  { telegram, account }: View,
  { channelId, fromId }: Pick<Message, 'channelId' | 'fromId'>,
  right: 'edit' | 'delete',
): boolean {
  const member = telegram.store.channels.member(channelId, account.id)
  return has(member, right) || (fromId === account.id && has(member, 'post'))
}

/** The creator has every right, an administrator those that were not taken away. */
export const has = (member: Member | null, right: AdminRight): boolean =>
  member?.role === 'creator' || (member?.role === 'admin' && !member.lacks.includes(right))

/** Whether the account is the channel's creator or an administrator. */
export function isAdministrator({ telegram, account }: View, channel: Channel): boolean {
  const role = telegram.store.channels.member(channel.id, account.id)?.role
  return role === 'creator' || role === 'admin'
}

export const isSelfPeer = (input: TlObject): boolean => input._ === 'inputPeerSelf'
