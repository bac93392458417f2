import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { TlObject } from '../../../src/types.ts'
import { type Caller, createCaller, type Fields } from '../../helpers/caller.ts'
import {
  channelPeer,
  getMessages,
  list,
  newFileId,
  object,
  post,
  postText,
  toInputChannel,
  upload,
  uploadedDocument,
  uploadedMedia,
} from '../../helpers/posting.ts'

test('an edited caption is seen by every way of reading, with the date of the edit', async () => {
  const caller = await createCaller()
  const { id, peer } = await post(caller, randomBytes(10))

  const answer = await edit(caller, peer, id, { message: 'new words' })

  expect(answer).toMatchObject({
    value: {
      updates: [
        {
          _: 'updateEditChannelMessage',
          message: { id, message: 'new words', edit_date: expect.any(Number) },
          pts: 4,
          pts_count: 1,
        },
      ],
    },
  })
  const [message] = await getMessages(caller.user, peer, [id])
  expect(message).toMatchObject({ message: 'new words', media: { _: 'messageMediaDocument' } })
  const history = await caller.user.invoke('messages.getHistory', { ...HISTORY, peer })
  expect(history).toMatchObject({ pts: 4, messages: [{ id, message: 'new words' }, { id: 1 }] })
})

test('a new file replaces the old one and keeps the caption', async () => {
  const caller = await createCaller()
  const { id, peer, document } = await post(caller, randomBytes(10))
  await edit(caller, peer, id, { message: 'words' })
  const media = uploadedMedia(await upload(caller.user, randomBytes(20)))

  await edit(caller, peer, id, { media })

  const [message] = await getMessages(caller.user, peer, [id])
  expect(message).toMatchObject({ message: 'words', media: { document: { size: 20n } } })
  expect(object(object(message?.media).document).id).not.toBe(document.id)
})

test('a new file does not keep the start of the old video', async () => {
  const caller = await createCaller()
  const { id, peer } = await post(caller, randomBytes(10))
  const media = async (): Promise<TlObject> =>
    uploadedMedia(await upload(caller.user, randomBytes(20)))
  await edit(caller, peer, id, { media: { ...(await media()), video_timestamp: 3 } })
  const [before] = await getMessages(caller.user, peer, [id])

  await edit(caller, peer, id, { media: await media() })

  const [after] = await getMessages(caller.user, peer, [id])
  expect(before?.media).toMatchObject({ video_timestamp: 3 })
  expect(after?.media).toMatchObject({ video_timestamp: undefined })
})

test('a text becomes the caption of a file, and a caption may be empty', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const id = await postText(caller.user, peer, 'words')
  const media = uploadedMedia(await upload(caller.user, randomBytes(20)))

  await edit(caller, peer, id, { media })
  const [captioned] = await getMessages(caller.user, peer, [id])
  await edit(caller, peer, id, { message: '' })
  const [plain] = await getMessages(caller.user, peer, [id])

  expect(captioned).toMatchObject({ message: 'words', media: { document: { size: 20n } } })
  expect(plain).toMatchObject({ message: '', media: { document: { size: 20n } } })
})

test('styles go with the text that they belong to', async () => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const id = await postText(caller.user, peer, 'words')
  const entities = [{ _: 'messageEntityBold', offset: 0, length: 5 }]

  await edit(caller, peer, id, { message: 'words', entities })
  const [styled] = await getMessages(caller.user, peer, [id])
  await edit(caller, peer, id, { message: 'words' })
  const [plain] = await getMessages(caller.user, peer, [id])

  expect(styled?.entities).toEqual(entities)
  expect(plain?.entities).toBeUndefined()
})

test('a bot that is an administrator may edit posts of others', async () => {
  const caller = await createCaller()
  const { id, peer } = await post(caller, randomBytes(10))
  const bot = await caller.bot()

  const outcome = await bot.call('messages.editMessage', {
    peer: { ...peer, access_hash: 0n },
    id,
    message: 'by the bot',
  })

  expect(outcome).toMatchObject({ kind: 'result' })
})

/** The message is a file with the caption `words`. */
test.each<[string, Fields, number, string]>([
  ['the same caption', { message: 'words' }, 400, 'MESSAGE_NOT_MODIFIED'],
  ['nothing', {}, 400, 'MESSAGE_NOT_MODIFIED'],
  ['a caption of 1025', { message: 'x'.repeat(1025) }, 400, 'MEDIA_CAPTION_TOO_LONG'],
  ['no such message', { id: 99, message: 'x' }, 400, 'MESSAGE_ID_INVALID'],
  ['a service message', { id: 1, message: 'x' }, 400, 'MESSAGE_ID_INVALID'],
  ['a scheduled message', { message: 'x', schedule_date: 1 }, 400, 'MESSAGE_ID_INVALID'],
  ['empty media', { media: { _: 'inputMediaEmpty' } }, 400, 'MEDIA_EMPTY'],
  [
    'a style outside',
    { message: 'x', entities: [{ _: 'messageEntityBold', offset: 0, length: 2 }] },
    400,
    'ENTITY_BOUNDS_INVALID',
  ],
])('an edit with %s is refused, and pts stays', async (_name, fields, code, message) => {
  const caller = await createCaller()
  const { id, peer } = await post(caller, randomBytes(10))
  await edit(caller, peer, id, { message: 'words' })
  const { pts } = await caller.user.invoke('messages.getHistory', { ...HISTORY, peer })

  const outcome = await edit(caller, peer, id, fields)

  expect(outcome).toEqual({ kind: 'error', code, message })
  const history = await caller.user.invoke('messages.getHistory', { ...HISTORY, peer })
  expect(history.pts).toBe(pts)
})

test.each([
  ['empty', '', 'MESSAGE_EMPTY'],
  ['too long', 'x'.repeat(4097), 'MESSAGE_TOO_LONG'],
])('a text that becomes %s is refused', async (_name, text, message) => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const id = await postText(caller.user, peer, 'words')

  expect(await edit(caller, peer, id, { message: text })).toMatchObject({ code: 400, message })
})

test('a member without rights, a forward, and buttons of a bot are refused', async () => {
  const caller = await createCaller()
  const { user, account, actions } = caller
  const { id, peer } = await post(caller, randomBytes(10))
  await user.invoke('messages.forwardMessages', {
    from_peer: peer,
    to_peer: peer,
    id: [id],
    random_id: [newFileId()],
  })
  const bot = await caller.bot()
  const reply_markup = { _: 'replyInlineMarkup', rows: [] }
  const byBot = { peer: { ...peer, access_hash: 0n }, id, message: 'x', reply_markup }

  expect(await edit(caller, peer, id + 1, { message: 'x' })).toMatchObject({
    message: 'MESSAGE_ID_INVALID',
  })
  expect(await bot.call('messages.editMessage', byBot)).toMatchObject({
    message: 'REPLY_MARKUP_INVALID',
  })
  const { channelId, userId: accountId } = account
  actions.setRole({ channelId, accountId, role: 'member' })
  expect(await edit(caller, peer, id, { message: 'x' })).toMatchObject({
    code: 403,
    message: 'CHAT_ADMIN_REQUIRED',
  })
})

test('an administrator without the rights changes its own posts alone', async () => {
  const caller = await createCaller()
  const { account, actions } = caller
  const peer = await channelPeer(caller, caller.user)
  const theirs = await postText(caller.user, peer, 'theirs')
  const bot = await caller.bot()
  const byBot = { ...peer, access_hash: 0n }
  const own = await postText(bot, byBot, 'own')
  const { channelId, botId } = account
  const without = ['edit', 'delete'] as const
  actions.setRole({ channelId, accountId: botId ?? 0, role: 'admin', without })
  const editAsBot = (id: number) =>
    bot.call('messages.editMessage', { peer: byBot, id, message: 'edited' })
  const removeAsBot = (...id: number[]) =>
    bot.call('channels.deleteMessages', { channel: toInputChannel(byBot), id })

  expect(await editAsBot(own)).toMatchObject({ kind: 'result' })
  expect(await editAsBot(theirs)).toMatchObject({ code: 403, message: 'MESSAGE_AUTHOR_REQUIRED' })
  expect(await removeAsBot(own, theirs)).toMatchObject({
    code: 403,
    message: 'MESSAGE_DELETE_FORBIDDEN',
  })
  expect(await removeAsBot(own, 9999)).toMatchObject({ value: { pts_count: 1 } })
  const { chats } = await bot.invoke('channels.getChannels', { id: [toInputChannel(byBot)] })
  expect(list(chats)).toMatchObject([
    { admin_rights: { post_messages: true, edit_messages: false, delete_messages: false } },
  ])
  actions.setRole({ channelId, accountId: botId ?? 0, role: 'admin', without: ['post'] })
  const text = { peer: byBot, message: 'no', random_id: newFileId() }
  expect(await bot.call('messages.sendMessage', text)).toMatchObject({
    message: 'CHAT_WRITE_FORBIDDEN',
  })
  expect(await editAsBot(theirs)).toMatchObject({ kind: 'result' })
})

test('a call deletes a hundred messages at most', async () => {
  const caller = await createCaller()
  const channel = toInputChannel(await channelPeer(caller, caller.user))
  const remove = (length: number) =>
    caller.user.call('channels.deleteMessages', {
      channel,
      id: Array.from({ length }, (_, index) => 1000 + index),
    })

  expect(await remove(100)).toMatchObject({ value: { pts_count: 0 } })
  expect(await remove(101)).toMatchObject({ message: 'MSG_IDS_INVALID' })
})

test('a part of an album may become only a file that fits the others', async () => {
  const caller = await createCaller()
  const { user } = caller
  const peer = await channelPeer(caller, user)
  const media = async (): Promise<TlObject> => uploadedMedia(await upload(user, randomBytes(10)))
  const single = async (): Promise<TlObject> => ({
    _: 'inputSingleMedia',
    media: await uploadedDocument(user, peer, await media()),
    message: '',
    random_id: newFileId(),
  })
  const album = [await single(), await single()]
  const { updates } = await user.invoke('messages.sendMultiMedia', { peer, multi_media: album })
  const id = Number(list(updates)[0]?.id)
  const attributes = [{ _: 'documentAttributeAudio', duration: 1 }]

  expect(await edit(caller, peer, id, { media: { ...(await media()), attributes } })).toMatchObject(
    {
      message: 'MEDIA_GROUPED_INVALID',
    },
  )
  expect(await edit(caller, peer, id, { media: await media() })).toMatchObject({ kind: 'result' })
})

const HISTORY = {
  ...{ offset_id: 0, offset_date: 0, add_offset: 0, limit: 100, max_id: 0, min_id: 0, hash: 0n },
}

const edit = (caller: Caller, peer: TlObject, id: number, fields: Fields) =>
  caller.user.call('messages.editMessage', { peer, id, ...fields })
