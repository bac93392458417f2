import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import { createCaller, introductionOf } from '../helpers/caller.ts'
import { channelPeer, list, post, postText, toInputChannel } from '../helpers/posting.ts'

test('a change is pushed to the other sessions of members, and not to the one that made it', async () => {
  const caller = await createCaller()
  const bot = await caller.bot()
  const { user } = caller
  await bot.invoke('updates.getState')
  const peer = await channelPeer(caller, user)

  const id = await postText(user, peer, 'first')
  await user.invoke('messages.editMessage', { peer, id, message: 'second' })
  await user.invoke('channels.deleteMessages', { channel: toInputChannel(peer), id: [id] })

  expect(user.pushed).toEqual([])
  expect(bot.pushed).toMatchObject([
    {
      _: 'updates',
      updates: [
        {
          _: 'updateNewChannelMessage',
          message: { id, message: 'first', out: false },
          pts: 3,
          pts_count: 1,
        },
      ],
      chats: [{ id: peer.channel_id }],
    },
    { updates: [{ _: 'updateEditChannelMessage', message: { message: 'second' }, pts: 4 }] },
    { updates: [{ _: 'updateDeleteChannelMessages', messages: [id], pts: 5 }] },
  ])
})

test('another session of the account that posted gets the update as well', async () => {
  const caller = await createCaller()
  const { account, telegram } = caller
  const { authKeyId } = createAccount(telegram, { label: 'main', freshSession: true })
  const other = caller.open(authKeyId ?? '')
  await other.invoke('updates.getState')

  await post(caller, randomBytes(10))

  expect(authKeyId).not.toBe(account.authKeyId)
  expect(list(other.pushed[0]?.updates)).toMatchObject([{ message: { id: 2, out: true } }])
})

test('nothing is pushed to strangers, to closed connections, or past the settings', async () => {
  const caller = await createCaller()
  const { telegram, user } = caller
  const peer = await channelPeer(caller, user)
  const stranger = caller.open(createAccount(telegram, { label: 'other' }).authKeyId ?? '')
  await stranger.invoke('updates.getState')
  const bot = await caller.bot()
  await bot.invoke('updates.getState')

  caller.actions.changeSettings({ pushUpdates: false })
  await postText(user, peer, 'unheard')
  caller.actions.changeSettings({ pushUpdates: true })
  await postText(user, peer, 'heard')
  bot.close()
  await postText(user, peer, 'unheard')

  expect(bot.pushed).toHaveLength(1)
  expect(stranger.pushed).toEqual([])
})

test('clients that do not want updates get none', async () => {
  const caller = await createCaller()
  const { user, account, telegram } = caller
  const peer = await channelPeer(caller, user)
  const { authKeyId } = createAccount(telegram, { label: 'main', freshSession: true })
  const silent = caller.open(authKeyId ?? '')
  const media = caller.open(authKeyId ?? '', { mediaOnly: true })
  const wrappers = [...introductionOf(account.apiId), { _: 'invokeWithoutUpdates' }]
  await silent.call('updates.getState', {}, wrappers)
  await media.invoke('help.getConfig')

  await postText(user, peer, 'words')

  expect([silent.pushed, media.pushed]).toEqual([[], []])
})
