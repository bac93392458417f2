import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../../src/accounts.ts'
import type { TlObject } from '../../../src/types.ts'
import { type Caller, createCaller } from '../../helpers/caller.ts'
import {
  channelPeer,
  list,
  newFileId,
  object,
  post,
  toInputChannel,
  upload,
  uploadedMedia,
} from '../../helpers/posting.ts'

test('message ids count up by one, also past deleted ones', async () => {
  const caller = await createCaller()
  const first = await post(caller, randomBytes(10))
  await caller.user.invoke('channels.deleteMessages', {
    channel: toInputChannel(first.peer),
    id: [first.id],
  })

  const second = await post(caller, randomBytes(10))

  expect([first.id, second.id]).toEqual([2, 3])
})

test('uploadMedia makes a document that sendMedia posts', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const media = await caller.user.invoke('messages.uploadMedia', {
    peer,
    media: uploadedMedia(await upload(caller.user, randomBytes(100))),
  })
  const { id, access_hash, file_reference } = object(media.document)

  const updates = await caller.user.invoke('messages.sendMedia', {
    peer,
    media: {
      _: 'inputMediaDocument',
      id: { _: 'inputDocument', id, access_hash, file_reference },
    },
    message: 'a caption',
    random_id: 5n,
  })

  expect(list(updates.updates)).toMatchObject([
    { _: 'updateMessageID', id: 2, random_id: 5n },
    { _: 'updateReadChannelInbox' },
    { _: 'updateNewChannelMessage', message: { id: 2, message: 'a caption', post: true } },
  ])
})

test.each([
  ['error', { kind: 'error', code: 500, message: 'RANDOM_ID_DUPLICATE' }],
  [
    'old-updates',
    { kind: 'result', value: { updates: [{ _: 'updateMessageID', id: 2 }, {}, {}] } },
  ],
] as const)('a repeated random_id gets %s and posts nothing', async (repeatedRandomId, answer) => {
  const caller = await createCaller({ repeatedRandomId })
  const peer = await channelPeer(caller, caller.user)
  const media = uploadedMedia(await upload(caller.user, randomBytes(100)))
  const request = { peer, media, message: '', random_id: 77n }
  await caller.user.invoke('messages.sendMedia', request)

  const outcome = await caller.user.call('messages.sendMedia', request)

  expect(outcome).toMatchObject(answer)
  const { repeatedRandomIds, messagesPosted } = caller.telegram.counters.snapshot()
  expect({ repeatedRandomIds, messagesPosted }).toEqual({ repeatedRandomIds: 1, messagesPosted: 1 })
})

test('two posts at once under one random_id make one message', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const media = uploadedMedia(await upload(caller.user, randomBytes(100)))
  const request = { peer, media, message: '', random_id: 78n }

  const outcomes = await Promise.all([
    caller.user.call('messages.sendMedia', request),
    caller.user.call('messages.sendMedia', request),
  ])

  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['error', 'result'])
})

test('a random_id that was forgotten posts again', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const media = uploadedMedia(await upload(caller.user, randomBytes(100)))
  const request = { peer, media, message: '', random_id: 79n }
  await caller.user.invoke('messages.sendMedia', request)
  caller.actions.forgetRandomIds()

  await caller.user.invoke('messages.sendMedia', request)

  expect(caller.telegram.counters.snapshot().messagesPosted).toBe(2)
})

test('a channel that the account may not use is refused, each case with its own error', async () => {
  const caller = await createCaller()
  const { telegram, user } = caller
  const own = await channelPeer(caller, user)
  const other = createAccount(telegram, { label: 'other' })
  const otherClient = caller.open(other.authKeyId ?? '')
  const foreign = await channelPeer({ ...caller, account: other }, otherClient)
  const media = uploadedMedia(await upload(user, randomBytes(100)))
  const send = (peer: TlObject) =>
    user.call('messages.sendMedia', { peer, media, message: '', random_id: newFileId() })
  const hash = telegram.store.hashes.access(
    'channel',
    caller.account.userId,
    Number(foreign.channel_id),
  )

  expect(await send({ ...own, access_hash: 0n })).toMatchObject({ message: 'CHANNEL_INVALID' })
  expect(await send(foreign)).toMatchObject({ message: 'CHANNEL_INVALID' })
  expect(await send({ ...foreign, access_hash: hash })).toMatchObject({
    message: 'CHANNEL_PRIVATE',
  })
  expect(await send({ ...own, channel_id: 1n })).toMatchObject({ message: 'CHANNEL_INVALID' })
  expect(await send({ _: 'inputPeerChat', chat_id: 1n })).toMatchObject({
    message: 'PEER_ID_INVALID',
  })
  caller.actions.setRole({
    channelId: caller.account.channelId,
    accountId: caller.account.userId,
    role: 'member',
  })
  expect(await send(own)).toMatchObject({ code: 403, message: 'CHAT_WRITE_FORBIDDEN' })
})

test('a bot may name a channel with hash 0, and reads no history', async () => {
  const caller = await createCaller()
  const bot = await caller.bot()
  const channel_id = (await channelPeer(caller, caller.user)).channel_id
  const input = { _: 'inputChannel', channel_id, access_hash: 0n }

  const { chats } = await bot.invoke('channels.getChannels', { id: [input] })

  expect(list(chats)).toMatchObject([{ id: channel_id, admin_rights: { post_messages: true } }])
  expect(await caller.user.call('channels.getChannels', { id: [input] })).toMatchObject({
    message: 'CHANNEL_INVALID',
  })
  const history = { peer: { ...input, _: 'inputPeerChannel' }, ...HISTORY }
  expect(await bot.call('messages.getHistory', history)).toMatchObject({
    message: 'BOT_METHOD_INVALID',
  })
})

test('history and search page from the newest, with their limits', async () => {
  const caller = await createCaller()
  const { peer } = await post(caller, randomBytes(10))
  for (let n = 0; n < 4; n++) await post(caller, randomBytes(10))
  const ids = async (method: string, change: object): Promise<unknown> => {
    const answer = await caller.user.invoke(method, { peer, ...HISTORY, ...change })
    return list(answer.messages).map(({ id }) => id)
  }

  expect(await ids('messages.getHistory', {})).toEqual([6, 5, 4, 3, 2, 1])
  expect(await ids('messages.getHistory', { limit: 2 })).toEqual([6, 5])
  expect(await ids('messages.getHistory', { limit: 2, offset_id: 5 })).toEqual([4, 3])
  expect(await ids('messages.getHistory', { min_id: 4 })).toEqual([6, 5])
  expect(await ids('messages.search', SEARCH)).toEqual([6, 5, 4, 3, 2])
  expect(await ids('messages.search', { ...SEARCH, q: 'nothing' })).toEqual([])
})

test('methods want a login, and say so', async () => {
  const caller = await createCaller()
  const stranger = caller.open(caller.telegram.store.keys.create(2).id)
  const login = (change: object) =>
    stranger.call('auth.importBotAuthorization', {
      api_id: caller.account.apiId,
      api_hash: caller.account.apiHash,
      bot_auth_token: caller.account.botToken ?? '',
      ...change,
    })

  expect(await stranger.call('updates.getState')).toMatchObject({
    code: 401,
    message: 'AUTH_KEY_UNREGISTERED',
  })
  expect(await login({ bot_auth_token: '1:x' })).toMatchObject({ message: 'ACCESS_TOKEN_INVALID' })
  expect(await login({ api_hash: 'x' })).toMatchObject({ message: 'API_ID_INVALID' })
  expect(await stranger.call('help.getConfig')).toMatchObject({ kind: 'result' })
  await caller.user.invoke('auth.logOut')
  expect(await caller.user.call('updates.getState')).toMatchObject({
    message: 'AUTH_KEY_UNREGISTERED',
  })
})

test('a username without an owner gets USERNAME_NOT_OCCUPIED', async () => {
  const caller: Caller = await createCaller()

  const outcome = await caller.user.call('contacts.resolveUsername', { username: 'nobody' })

  expect(outcome).toMatchObject({ code: 400, message: 'USERNAME_NOT_OCCUPIED' })
})

const HISTORY = {
  offset_id: 0,
  offset_date: 0,
  add_offset: 0,
  limit: 100,
  max_id: 0,
  min_id: 0,
  hash: 0n,
}

const SEARCH = { q: '', filter: { _: 'inputMessagesFilterDocument' }, min_date: 0, max_date: 0 }
