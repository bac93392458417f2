import { expect, test } from 'vitest'
import { createCaller, type Fields } from '../../helpers/caller.ts'
import { channelPeer, getMessages, list, newFileId, postText } from '../../helpers/posting.ts'

test('messages.sendMessage posts a text, with its styles and with pts', async () => {
  const caller = await createCaller()
  const { user } = caller
  const peer = await channelPeer(caller, user)

  const { updates } = await user.invoke('messages.sendMessage', {
    peer,
    message: 'hello world',
    entities: [{ _: 'messageEntityBold', offset: 0, length: 5 }],
    silent: true,
    random_id: 5n,
  })

  expect(list(updates)).toMatchObject([
    { _: 'updateMessageID', id: 2, random_id: 5n },
    { _: 'updateReadChannelInbox', max_id: 2, pts: 3 },
    { _: 'updateNewChannelMessage', pts: 3, pts_count: 1, message: { id: 2, post: true } },
  ])
  const [message] = await getMessages(user, peer, [2])
  expect(message).toMatchObject({
    message: 'hello world',
    silent: true,
    media: undefined,
    entities: [{ _: 'messageEntityBold' }],
  })
})

test.each<[string, Fields, number, string]>([
  ['no text', { message: '' }, 400, 'MESSAGE_EMPTY'],
  ['spaces alone', { message: ' \n ' }, 400, 'MESSAGE_EMPTY'],
  ['4097 characters', { message: 'x'.repeat(4097) }, 400, 'MESSAGE_TOO_LONG'],
  ['no random_id', { random_id: 0n }, 400, 'RANDOM_ID_EMPTY'],
  [
    'a reply to nothing',
    { reply_to: { _: 'inputReplyToMessage', reply_to_msg_id: 99 } },
    400,
    'REPLY_MESSAGE_ID_INVALID',
  ],
  ['an old reply to nothing', { reply_to_msg_id: 99 }, 400, 'REPLY_MESSAGE_ID_INVALID'],
  ['another user as its peer', { peer: { _: 'inputPeerSelf' } }, 400, 'PEER_ID_INVALID'],
])('messages.sendMessage with %s is refused', async (_name, fields, code, message) => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)

  const outcome = await caller.user.call('messages.sendMessage', {
    peer,
    message: 'text',
    random_id: newFileId(),
    ...fields,
  })

  expect(outcome).toEqual({ kind: 'error', code, message })
})

test('a random_id of a text is used up for media as well', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const request = { peer, message: 'text', random_id: 5n }
  await caller.user.invoke('messages.sendMessage', request)

  const outcome = await caller.user.call('messages.sendMedia', {
    ...request,
    media: { _: 'inputMediaEmpty' },
  })

  expect(outcome).toMatchObject({ code: 500, message: 'RANDOM_ID_DUPLICATE' })
})

test('a search finds words of a text, and no filter for files does', async () => {
  const caller = await createCaller()
  const { user } = caller
  const peer = await channelPeer(caller, user)
  await postText(user, peer, 'needle in the hay')
  const search = async (filter: string): Promise<unknown> => {
    const found = await user.invoke('messages.search', {
      ...{ peer, q: 'needle', filter: { _: filter }, min_date: 0, max_date: 0, hash: 0n },
      ...{ offset_id: 0, add_offset: 0, limit: 10, max_id: 0, min_id: 0 },
    })
    return list(found.messages).map(({ id }) => id)
  }

  expect(await search('inputMessagesFilterEmpty')).toEqual([2])
  expect(await search('inputMessagesFilterDocument')).toEqual([])
})
