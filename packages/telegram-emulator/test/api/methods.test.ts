import { expect, test } from 'vitest'
import { createCaller, type Fields } from '../helpers/caller.ts'

const refused = (message: string, code = 400) => ({ kind: 'error', code, message })

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

const DIALOGS = {
  offset_date: 0,
  offset_id: 0,
  offset_peer: { _: 'inputPeerEmpty' },
  limit: 100,
  hash: 0n,
}
