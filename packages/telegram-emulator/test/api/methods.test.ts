import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import type { TlObject } from '../../src/types.ts'
import { createCaller, type Fields } from '../helpers/caller.ts'
import { channelPeer, post, toInputChannel } from '../helpers/posting.ts'

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

test('a user who is not found is a userEmpty at the same place in the list', async () => {
  const { user, account } = await createCaller()

  const outcome = await user.call('users.getUsers', {
    id: [
      { _: 'inputUserEmpty' },
      { _: 'inputUserSelf' },
      { _: 'inputUser', user_id: 5n, access_hash: 1n },
    ],
  })

  expect(outcome).toMatchObject({
    value: [
      { _: 'userEmpty', id: 0n },
      { _: 'user', id: BigInt(account.userId), self: true },
      { _: 'userEmpty', id: 5n },
    ],
  })
})

test.each<[string, Fields, string]>([
  ['users.getUsers', { id: [{ _: 'inputUserFromMessage' }] }, 'MSG_ID_INVALID'],
  ['users.getFullUser', { id: { _: 'inputUserEmpty' } }, 'USER_ID_INVALID'],
  ['contacts.resolveUsername', { username: '' }, 'USERNAME_INVALID'],
  ['contacts.resolveUsername', { username: 'a b' }, 'USERNAME_INVALID'],
  ['contacts.resolveUsername', { username: 'somebody', referer: 'x' }, 'STARREF_EXPIRED'],
  ['messages.getPinnedDialogs', { folder_id: 2 }, 'FOLDER_ID_INVALID'],
  ['messages.getDialogs', { folder_id: 7 }, 'FOLDER_ID_INVALID'],
  [
    'messages.getDialogs',
    { offset_peer: { _: 'inputPeerChannel', channel_id: 5n, access_hash: 1n } },
    'OFFSET_PEER_ID_INVALID',
  ],
  ['updates.getDifference', { pts: 0, date: 1, qts: 0 }, 'PERSISTENT_TIMESTAMP_EMPTY'],
  ['updates.getDifference', { pts: -1, date: 1, qts: 0 }, 'PERSISTENT_TIMESTAMP_INVALID'],
])('%s with %o is refused', async (method, fields, message) => {
  const { user } = await createCaller()

  expect(await user.call(method, { ...DIALOGS, ...fields })).toEqual(refused(message))
})

test.each([
  'messages.getDialogs',
  'messages.getPinnedDialogs',
  'messages.getPeerDialogs',
  'messages.getHistory',
  'messages.search',
  'channels.readHistory',
  'account.updateStatus',
])('%s is not for bots', async (method) => {
  const caller = await createCaller()
  const bot = await caller.bot()

  expect(await bot.call(method)).toEqual(refused('BOT_METHOD_INVALID'))
})

test('a channel that has changed must be read again, an unchanged one must not', async () => {
  const caller = await createCaller()
  const channel = toInputChannel(await channelPeer(caller, caller.user))
  const ask = (pts: number) =>
    caller.user.call('updates.getChannelDifference', {
      channel,
      filter: { _: 'channelMessagesFilterEmpty' },
      pts,
      limit: 100,
    })
  expect(await ask(2)).toMatchObject({ value: { _: 'updates.channelDifferenceEmpty', pts: 2 } })

  await post(caller, randomBytes(10))

  expect(await ask(2)).toMatchObject({
    value: {
      _: 'updates.channelDifferenceTooLong',
      dialog: { pts: 3, top_message: 2 },
      messages: [{ id: 2 }],
    },
  })
  expect(await ask(0)).toEqual(refused('PERSISTENT_TIMESTAMP_EMPTY'))
  expect(await ask(4)).toEqual(refused('PERSISTENT_TIMESTAMP_INVALID'))
})

const DIALOGS = {
  offset_date: 0,
  offset_id: 0,
  offset_peer: { _: 'inputPeerEmpty' },
  limit: 100,
  hash: 0n,
}
