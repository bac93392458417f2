import type { AdminRight, ChannelRole } from '../contract.ts'
import { badRequest } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import type { Channel } from '../store/channels.ts'
import { child, int, long, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { adminRights, toChannel, toUser } from './entities.ts'
import type { Call, Methods } from './method.ts'
import { isAdministrator, resolveChannel } from './peers.ts'
import { resolveUser } from './users.ts'

interface Participant {
  user: Account
  role: ChannelRole
  lacks: readonly AdminRight[]
}

/** https://core.telegram.org/method/channels.getParticipants gives 200 at a time. */
const PAGE_LENGTH_MAX = 200

export const participantMethods: Methods = {
  'channels.getParticipant': getParticipant,
  'channels.getParticipants': getParticipants,
}

/** https://core.telegram.org/method/channels.getParticipant */
function getParticipant(call: Call): TlObject {
  const channel = resolveChannel(call, child(call.method, 'channel'))
  const user = resolveUser(call, child(call.method, 'participant'))
  if (!user) throw badRequest('PARTICIPANT_ID_INVALID')
  // Only administrators see the members of a broadcast channel.
  if (user.id !== call.account.id && !isAdministrator(call, channel))
    throw badRequest('CHAT_ADMIN_REQUIRED')
  const member = call.telegram.store.channels.member(channel.id, user.id)
  if (!member) throw badRequest('USER_NOT_PARTICIPANT')
  return {
    _: 'channels.channelParticipant',
    participant: toParticipant(call, channel, { user, ...member }),
    chats: [toChannel(call, channel)],
    users: [toUser(call, user)],
  }
}

/** https://core.telegram.org/method/channels.getParticipants */
function getParticipants(call: Call): TlObject {
  const { method } = call
  const channel = resolveChannel(call, child(method, 'channel'))
  if (!isAdministrator(call, channel)) throw badRequest('CHAT_ADMIN_REQUIRED')
  const found = listParticipants(call, channel).filter(readFilter(child(method, 'filter')))
  const offset = Math.max(int(method, 'offset'), 0)
  const limit = Math.min(Math.max(int(method, 'limit'), 0), PAGE_LENGTH_MAX)
  const page = found.slice(offset, offset + limit)
  const hash = hashOf(page.map(({ user }) => BigInt(user.id)))
  if (hash !== 0n && BigInt.asUintN(64, long(method, 'hash')) === hash)
    return { _: 'channels.channelParticipantsNotModified' }
  return {
    _: 'channels.channelParticipants',
    count: found.length,
    participants: page.map((participant) => toParticipant(call, channel, participant)),
    chats: [toChannel(call, channel)],
    users: page.map(({ user }) => toUser(call, user)),
  }
}

function listParticipants({ telegram }: Call, channel: Channel): Participant[] {
  const { accounts, channels } = telegram.store
  return channels.members(channel.id).flatMap(({ accountId, role }) => {
    const user = accounts.find(accountId)
    const lacks = channels.member(channel.id, accountId)?.lacks ?? []
    return user ? [{ user, role, lacks }] : []
  })
}

/** https://core.telegram.org/type/ChannelParticipantsFilter; there are no bans and no contacts here. */
function readFilter(filter: TlObject): (participant: Participant) => boolean {
  switch (filter._) {
    case 'channelParticipantsRecent':
      return () => true
    case 'channelParticipantsAdmins':
      return ({ role }) => role !== 'member'
    case 'channelParticipantsBots':
      return ({ user }) => user.kind === 'bot'
    case 'channelParticipantsSearch': {
      const query = text(filter, 'q').toLowerCase()
      return ({ user }) => wordsOf(user).some((word) => word.startsWith(query))
    }
    default:
      return () => false
  }
}

const wordsOf = ({ name, username }: Account): string[] =>
  [name, ...name.split(/\s+/), username ?? ''].map((word) => word.toLowerCase())

/** https://core.telegram.org/api/offsets#hash-generation */
function hashOf(ids: readonly bigint[]): bigint {
  let hash = 0n
  for (const id of ids) {
    hash ^= hash >> 21n
    hash ^= BigInt.asUintN(64, hash << 35n)
    hash ^= hash >> 4n
    hash = BigInt.asUintN(64, hash + id)
  }
  return hash
}

function toParticipant(
  { account }: Call,
  channel: Channel,
  { user, role, lacks }: Participant,
): TlObject {
  const isSelf = user.id === account.id
  const common = { user_id: BigInt(user.id), date: channel.createdAt }
  const inviter_id = BigInt(channel.creatorId)
  if (role === 'creator')
    return { _: 'channelParticipantCreator', ...common, admin_rights: adminRights([]) }
  if (role === 'admin')
    return {
      _: 'channelParticipantAdmin',
      ...common,
      self: isSelf,
      // Both stand under one flag.
      ...(isSelf ? { inviter_id } : {}),
      promoted_by: inviter_id,
      admin_rights: adminRights(lacks),
    }
  if (isSelf) return { _: 'channelParticipantSelf', ...common, inviter_id }
  return { _: 'channelParticipant', ...common }
}
