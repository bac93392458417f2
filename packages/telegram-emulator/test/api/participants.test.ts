import { expect, test } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import type { TlObject } from '../../src/types.ts'
import { type Caller, createCaller, type Fields } from '../helpers/caller.ts'
import { channelPeer, list, toInputChannel } from '../helpers/posting.ts'

const refused = (message: string, code = 400) => ({ kind: 'error', code, message })

test('channels.getParticipant describes one participant by its role', async () => {
  const caller = await createCaller()
  const bot = await caller.bot()
  const peer = await channelPeer(caller, caller.user)
  const channel = { ...toInputChannel(peer), access_hash: 0n }
  const { userId, botId } = caller.account
  const ask = (id: number) =>
    bot.call('channels.getParticipant', {
      channel,
      participant: { _: 'inputPeerUser', user_id: BigInt(id), access_hash: 0n },
    })

  expect(await ask(userId)).toMatchObject({
    value: { participant: { _: 'channelParticipantCreator', user_id: BigInt(userId) } },
  })
  expect(await ask(botId ?? 0)).toMatchObject({
    value: {
      participant: { _: 'channelParticipantAdmin', self: true, promoted_by: BigInt(userId) },
    },
  })
  expect(await ask(1)).toEqual(refused('PARTICIPANT_ID_INVALID'))
  const other = createAccount(caller.telegram, { label: 'other' })
  expect(await ask(other.userId)).toEqual(refused('USER_NOT_PARTICIPANT'))
})

test('a plain member may ask about itself only', async () => {
  const caller = await createCaller()
  const bot = await caller.bot()
  const { account } = caller
  const role = { accountId: account.botId ?? 0, role: 'member' } as const
  caller.actions.setRole({ channelId: account.channelId, ...role })
  const channel = { ...toInputChannel(await channelPeer(caller, caller.user)), access_hash: 0n }
  const ask = (participant: TlObject) =>
    bot.call('channels.getParticipant', { channel, participant })

  expect(await ask({ _: 'inputPeerSelf' })).toMatchObject({
    value: { participant: { _: 'channelParticipantSelf' } },
  })
  const owner = { _: 'inputPeerUser', user_id: BigInt(account.userId), access_hash: 0n }
  expect(await ask(owner)).toEqual(refused('CHAT_ADMIN_REQUIRED'))
})

test.each<[string, Fields, string[]]>([
  ['Recent', {}, ['main', 'main bot', 'anna', 'boris']],
  ['Admins', {}, ['main', 'main bot']],
  ['Bots', {}, ['main bot']],
  ['Search', { q: 'ANN' }, ['anna']],
  ['Search', { q: 'bot' }, ['main bot']],
  ['Search', { q: 'user_' }, ['main', 'anna', 'boris']],
  ['Search', { q: '' }, ['main', 'main bot', 'anna', 'boris']],
  ['Kicked', { q: '' }, []],
  ['Banned', { q: '' }, []],
  ['Contacts', { q: '' }, []],
])('the filter %s %o finds participants', async (name, fields, names) => {
  const caller = await createCaller()
  const filter = { _: `channelParticipants${name}`, ...fields }

  const found = await listMembers(caller, { filter })

  expect(found.count).toBe(names.length)
  expect(list(found.users).map(({ first_name }) => first_name)).toEqual(names)
})

test('participants show their roles, and come in pages', async () => {
  const caller = await createCaller()
  const { userId, botId } = caller.account

  const first = await listMembers(caller, { limit: 2 })
  const second = await listMembers(caller, { limit: 200, offset: 2 })

  expect(first).toMatchObject({
    _: 'channels.channelParticipants',
    count: 4,
    participants: [
      { _: 'channelParticipantCreator', user_id: BigInt(userId) },
      { _: 'channelParticipantAdmin', user_id: BigInt(botId ?? 0), promoted_by: BigInt(userId) },
    ],
  })
  expect(list(second.participants).map(({ _ }) => _)).toEqual([
    'channelParticipant',
    'channelParticipant',
  ])
})

test('a list that the client has already is not sent again', async () => {
  const caller = await createCaller()
  const { users } = await listMembers(caller, {})
  const hash = hashOf(list(users).map(({ id }) => BigInt(String(id))))

  expect(await listMembers(caller, { hash })).toMatchObject({
    _: 'channels.channelParticipantsNotModified',
  })
})

test('members of a broadcast channel are for its administrators only', async () => {
  const caller = await createCaller()
  const channel = toInputChannel(await channelPeer(caller, caller.user))
  const { channelId, userId: accountId } = caller.account
  caller.actions.setRole({ channelId, accountId, role: 'member' })

  expect(await caller.user.call('channels.getParticipants', { ...ALL, channel })).toMatchObject({
    code: 400,
    message: 'CHAT_ADMIN_REQUIRED',
  })
})

const ALL = { filter: { _: 'channelParticipantsRecent' }, offset: 0, limit: 200, hash: 0n }

/** Lists the main channel, with two more members. */
async function listMembers(caller: Caller, fields: Fields): Promise<TlObject> {
  const channel = toInputChannel(await channelPeer(caller, caller.user))
  for (const label of ['anna', 'boris']) {
    const { userId: accountId } = createAccount(caller.telegram, { label })
    caller.actions.setRole({ channelId: caller.account.channelId, accountId, role: 'member' })
  }
  return caller.user.invoke('channels.getParticipants', { ...ALL, channel, ...fields })
}

/** https://core.telegram.org/api/offsets#hash-generation, written apart from the server's. */
function hashOf(ids: readonly bigint[]): bigint {
  const unsigned = ids.reduce((before, id) => {
    const first = before ^ (before >> 21n)
    const second = BigInt.asUintN(64, first ^ (first << 35n))
    return BigInt.asUintN(64, (second ^ (second >> 4n)) + id)
  }, 0n)
  return BigInt.asIntN(64, unsigned)
}
