import { randomBytes } from 'node:crypto'
import { parseFileId } from '@mtcute/file-id'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test } from 'vitest'
import type { AdminRight, EmulatedAccount } from '../../src/contract.ts'
import { makeJpeg } from '../helpers/posting.ts'
import { startSharedTelegram } from '../helpers/telegram.ts'

const telegram = await startSharedTelegram()
const { account, botApi } = telegram
const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
const chat_id = account.channelId

/** A second channel, in which the bot is an administrator as well. */
const other = telegram.createAccount({ label: 'other' })
telegram.faults.setRole({
  channelId: other.channelId,
  accountId: account.botId ?? 0,
  role: 'admin',
})

test('a text is sent with its entities, and answers another message', async () => {
  const first = await api.sendMessage({ chat_id, text: 'first' })

  const sent = await api.sendMessage({
    chat_id,
    text: 'some words',
    entities: [{ type: 'bold', offset: 0, length: 4 }],
    reply_parameters: { message_id: first.message_id },
    protect_content: true,
  })

  expect(sent).toMatchObject({
    message_id: first.message_id + 1,
    chat: { id: Number(chat_id), type: 'channel' },
    text: 'some words',
    entities: [{ type: 'bold', offset: 0, length: 4 }],
    has_protected_content: true,
    reply_to_message: { message_id: first.message_id, text: 'first' },
  })
  expect(sent).not.toHaveProperty('caption')
})

test.each([
  ['no text', '', 'message text is empty'],
  ['spaces alone', '  ', 'message text is empty'],
  ['4097 characters', 'x'.repeat(4097), 'message is too long'],
])('sendMessage with %s is refused', async (_name, text, reason) => {
  await expect(api.sendMessage({ chat_id, text })).rejects.toMatchObject(refused(reason))
})

test('a video is sent with its measures, its thumbnail and a file_id of its own type', async () => {
  const jpeg = makeJpeg(320, 180)

  const sent = await api.sendVideo({
    chat_id,
    video: new InputFile(randomBytes(5000), { filename: 'video.mp4' }),
    thumbnail: new InputFile(jpeg, { filename: 'thumbnail.jpg' }),
    ...{ width: 640, height: 360, duration: 7, supports_streaming: true },
    ...{ caption: 'a caption', has_spoiler: true, show_caption_above_media: true },
    start_timestamp: 3,
  })

  expect(sent).toMatchObject({
    caption: 'a caption',
    has_media_spoiler: true,
    show_caption_above_media: true,
    video: {
      ...{ width: 640, height: 360, duration: 7, start_timestamp: 3 },
      ...{ file_name: 'video.mp4', mime_type: 'video/mp4', file_size: 5000 },
      thumbnail: { width: 320, height: 180, file_size: jpeg.length },
    },
  })
  expect(sent).not.toHaveProperty('document')
  expect(parseFileId(sent.video?.file_id ?? '')).toMatchObject({ type: 4 })
  const again = await api.sendVideo({ chat_id, video: sent.video?.file_id ?? '' })
  expect(again.video?.file_unique_id).toBe(sent.video?.file_unique_id)
})

test('a video keeps its type whatever its name is', async () => {
  const video = new InputFile(randomBytes(10), { filename: 'noname.bin' })

  const sent = await api.sendVideo({ chat_id, video })

  expect(sent.video).toMatchObject({ mime_type: 'video/mp4', width: 0, height: 0, duration: 0 })
})

test('sendVideo without a file, with a thumbnail as its file, and with a cover is refused', async () => {
  const { video } = await api.sendVideo({
    chat_id,
    video: new InputFile(randomBytes(10), { filename: 'video.mp4' }),
    thumbnail: new InputFile(makeJpeg(10, 10), { filename: 'thumbnail.jpg' }),
  })
  const file = new InputFile(randomBytes(10), { filename: 'video.mp4' })

  await expect(api.sendVideo({ chat_id, video: '' })).rejects.toMatchObject(
    refused('there is no video in the request'),
  )
  await expect(
    api.sendVideo({ chat_id, video: video?.thumbnail?.file_id ?? '' }),
  ).rejects.toMatchObject(refused("can't use file of type Thumbnail as Video"))
  await expect(api.sendVideo({ chat_id, video: file, cover: 'x' })).rejects.toMatchObject(
    refused('PHOTO_INVALID'),
  )
})

test('a caption is edited, and removed', async () => {
  const { message_id } = await sendFile('first')

  const edited = await api.editMessageCaption({ chat_id, message_id, caption: 'second' })
  const removed = await api.editMessageCaption({ chat_id, message_id })

  expect(edited).toMatchObject({ message_id, caption: 'second', edit_date: expect.any(Number) })
  expect(removed).not.toHaveProperty('caption')
  const [listed] = (await telegram.messages(chat_id)).filter(({ id }) => id === message_id)
  expect(listed).toMatchObject({ caption: '' })
})

test('a text is edited', async () => {
  const { message_id } = await api.sendMessage({ chat_id, text: 'first' })

  const edited = await api.editMessageText({ chat_id, message_id, text: 'second' })

  expect(edited).toMatchObject({ message_id, text: 'second', edit_date: expect.any(Number) })
})

test('edits that cannot be done are refused, each with its reason', async () => {
  const { message_id } = await sendFile('caption')
  const { message_id: textId } = await api.sendMessage({ chat_id, text: 'text' })
  const forwarded = await api.forwardMessage({ chat_id, from_chat_id: chat_id, message_id })
  const edit = (id: number, caption = 'x') =>
    api.editMessageCaption({ chat_id, message_id: id, caption })

  await expect(edit(message_id, 'caption')).rejects.toMatchObject({
    description: expect.stringMatching(/^Bad Request: message is not modified: /),
  })
  await expect(edit(9999)).rejects.toMatchObject(refused('message to edit not found'))
  await expect(edit(1)).rejects.toMatchObject(refused("message can't be edited"))
  await expect(edit(forwarded.message_id)).rejects.toMatchObject(refused("message can't be edited"))
  await expect(edit(message_id, 'x'.repeat(1025))).rejects.toMatchObject(
    refused('message caption is too long'),
  )
  await expect(edit(textId)).rejects.toMatchObject(
    refused('there is no caption in the message to edit'),
  )
  await expect(api.editMessageText({ chat_id, message_id, text: 'x' })).rejects.toMatchObject(
    refused('there is no text in the message to edit'),
  )
})

test('a forward names its origin, a copy does not', async () => {
  const { message_id, date } = await sendFile('caption')
  const source = { from_chat_id: chat_id, message_id }

  const forwarded = await api.forwardMessage({ ...source, chat_id: other.channelId })
  const copied = await api.copyMessage({ ...source, chat_id: other.channelId, caption: 'new' })

  expect(forwarded).toMatchObject({
    chat: { id: Number(other.channelId) },
    caption: 'caption',
    forward_origin: { type: 'channel', date, chat: { id: Number(chat_id) }, message_id },
  })
  expect(copied).toEqual({ message_id: forwarded.message_id + 1 })
  const captions = await listed(other)
  expect(captions.slice(-2)).toEqual(['caption', 'new'])
})

test('a copy keeps its caption unless another one is given, also an empty one', async () => {
  const { message_id } = await sendFile('caption')
  const source = { chat_id: other.channelId, from_chat_id: chat_id, message_id }

  await api.copyMessage(source)
  await api.copyMessage({ ...source, caption: '' })

  expect((await listed(other)).slice(-2)).toEqual(['caption', ''])
})

test('copies and forwards that cannot be done are refused, each with its reason', async () => {
  const hidden = await api.sendMessage({ chat_id, text: 'hidden', protect_content: true })
  const stranger = telegram.createAccount({ label: 'stranger' })
  const copy = (message_id: number, from_chat_id = chat_id) =>
    api.copyMessage({ chat_id, from_chat_id, message_id })
  const forward = (message_id: number) =>
    api.forwardMessage({ chat_id, from_chat_id: chat_id, message_id })

  await expect(copy(9999)).rejects.toMatchObject(refused('message to copy not found'))
  await expect(copy(1)).rejects.toMatchObject(refused("message can't be copied"))
  await expect(copy(hidden.message_id)).rejects.toMatchObject(refused("message can't be copied"))
  await expect(copy(2, stranger.channelId)).rejects.toMatchObject({ errorCode: 403 })
  await expect(forward(9999)).rejects.toMatchObject(refused('message to forward not found'))
  await expect(forward(hidden.message_id)).rejects.toMatchObject(
    refused("message can't be forwarded"),
  )
})

test('the administrators of a channel are listed without other bots', async () => {
  const third = telegram.createAccount({ label: 'third' })
  for (const accountId of [account.botId ?? 0, account.userId])
    telegram.faults.setRole({ channelId: third.channelId, accountId, role: 'admin' })

  const admins = await api.getChatAdministrators({ chat_id: third.channelId })

  expect(admins.map(({ user, status }) => [user.id, status])).toEqual([
    [third.userId, 'creator'],
    [account.botId, 'administrator'],
    [account.userId, 'administrator'],
  ])
  telegram.faults.setRole({
    channelId: third.channelId,
    accountId: account.botId ?? 0,
    role: 'member',
  })
  await expect(api.getChatAdministrators({ chat_id: third.channelId })).rejects.toMatchObject(
    refused('member list is inaccessible'),
  )
})

test('a hundred messages are deleted by one call, which skips those that do not exist', async () => {
  const sent = [await sendFile('one'), await sendFile('two'), await sendFile('three')]
  const [first = 0, second = 0, third = 0] = sent.map(({ message_id }) => message_id)

  expect(await api.deleteMessages({ chat_id, message_ids: [first, 9999, third] })).toBe(true)

  expect((await listed(account)).slice(-1)).toEqual(['two'])
  expect(await api.deleteMessages({ chat_id, message_ids: [first] })).toBe(true)
  const tooMany = Array.from({ length: 101 }, (_, index) => second + index)
  for (const message_ids of [[], tooMany])
    await expect(api.deleteMessages({ chat_id, message_ids })).rejects.toMatchObject({
      errorCode: 400,
    })
})

test('a bot changes its own posts; for those of others it needs the rights', async () => {
  const home = telegram.createAccount({ label: 'rights' })
  const bot = new Api(home.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const chat = { chat_id: home.channelId }
  const setWithout = (without: AdminRight[]) =>
    telegram.faults.setRole({
      ...{ channelId: home.channelId, accountId: account.botId ?? 0, role: 'admin' },
      without,
    })
  const theirs = await bot.sendMessage({ ...chat, text: 'theirs' })
  setWithout(['edit', 'delete'])
  const own = await api.sendMessage({ ...chat, text: 'own' })
  const edit = ({ message_id }: { message_id: number }) =>
    api.editMessageText({ ...chat, message_id, text: 'edited' })
  const remove = (...all: { message_id: number }[]) =>
    api.deleteMessages({ ...chat, message_ids: all.map(({ message_id }) => message_id) })

  expect(await edit(own)).toMatchObject({ text: 'edited' })
  await expect(edit(theirs)).rejects.toMatchObject(refused("message can't be edited"))
  await expect(remove(own, theirs)).rejects.toMatchObject(refused("message can't be deleted"))
  expect(await remove(own)).toBe(true)
  const user_id = account.botId ?? 0
  expect(await api.getChatMember({ ...chat, user_id })).toMatchObject({
    can_post_messages: true,
    can_edit_messages: false,
    can_delete_messages: false,
  })
  setWithout(['post'])
  await expect(api.sendMessage({ ...chat, text: 'no' })).rejects.toMatchObject(
    refused('not enough rights to post messages in the channel chat'),
  )
  expect(await edit(theirs)).toMatchObject({ text: 'edited' })
  expect(await remove(theirs)).toBe(true)
})

const refused = (reason: string) => ({ errorCode: 400, description: `Bad Request: ${reason}` })

const sendFile = (caption: string) =>
  api.sendDocument({
    chat_id,
    document: new InputFile(randomBytes(10), { filename: 'file.bin' }),
    caption,
  })

async function listed({ channelId }: EmulatedAccount): Promise<string[]> {
  return (await telegram.messages(channelId)).map(({ caption }) => caption)
}
