import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { connectSharedBot } from '../helpers/mtcute-client.ts'
import { makeJpeg } from '../helpers/posting.ts'
import { startSharedTelegram } from '../helpers/telegram.ts'

const telegram = await startSharedTelegram()
const client = await connectSharedBot(telegram)
const chat = Number(telegram.account.channelId)

test('mtcute posts a text, edits it, and deletes it', async () => {
  const sent = await client.sendText(chat, 'some words')
  const edited = await client.editMessage({ message: sent, text: 'other words' })
  const [found] = await client.getMessages(chat, sent.id)
  await client.deleteMessagesById(chat, [sent.id])
  const [gone] = await client.getMessages(chat, sent.id)

  expect(edited).toMatchObject({ id: sent.id, text: 'other words' })
  expect(found).toMatchObject({ text: 'other words', editDate: expect.any(Date) })
  expect(gone).toBeNull()
})

test('mtcute edits a caption, and then the file with its thumbnail', async () => {
  const sent = await client.sendMedia(chat, await video('first'))

  await client.editMessage({ message: sent, text: 'second' })
  await client.editMessage({ message: sent, media: await video('third') })

  const [found] = await client.getMessages(chat, sent.id)
  if (found?.media?.type !== 'video') throw new Error('the message has no video')
  expect(found).toMatchObject({ text: 'third' })
  expect(found.media).toMatchObject({ width: 640, height: 360, duration: 7 })
  const [thumbnail] = found.media.thumbnails
  if (!thumbnail) throw new Error('the video has no thumbnail')
  const bytes = Buffer.from(await client.downloadAsBuffer(thumbnail))
  expect(bytes.equals(makeJpeg(320, 180))).toBe(true)
})

test('mtcute posts an album of videos', async () => {
  const album = await client.sendMediaGroup(chat, [await video('first'), await video('second')])

  expect(album.map(({ text }) => text)).toEqual(['first', 'second'])
  expect(album[0]?.groupedId).not.toBeNull()
  expect(album[1]?.groupedId?.toString()).toBe(album[0]?.groupedId?.toString())
})

test('mtcute forwards within a channel, with the author and without', async () => {
  const sent = await client.sendText(chat, 'words')

  const [forward] = await client.forwardMessages({ toChatId: chat, messages: [sent] })
  const [copy] = await client.forwardMessages({ toChatId: chat, messages: [sent], noAuthor: true })

  expect(forward?.forward?.sender).toMatchObject({ id: chat, title: 'main files' })
  expect(copy).toMatchObject({ text: 'words', forward: null })
})

test('mtcute lists the administrators of a channel', async () => {
  const members = await client.getChatMembers(chat, { type: 'admins' })

  const { userId, botId } = telegram.account
  expect(members.map(({ user, status }) => [user.id, status])).toEqual([
    [userId, 'creator'],
    [botId, 'admin'],
  ])
})

test('mtcute follows a channel by its differences', async () => {
  const channel = await client.resolveChannel(chat)
  const difference = (pts: number) =>
    client.call({
      _: 'updates.getChannelDifference',
      channel,
      filter: { _: 'channelMessagesFilterEmpty' },
      pts,
      limit: 100,
    })
  const { fullChat } = await client.call({ _: 'channels.getFullChannel', channel })
  const before = fullChat._ === 'channelFull' ? fullChat.pts : 0
  const sent = await client.sendText(chat, 'words')
  await client.deleteMessagesById(chat, [sent.id])

  expect(await difference(before + 1)).toMatchObject({
    _: 'updates.channelDifference',
    pts: before + 2,
    newMessages: [],
    otherUpdates: [
      {
        _: 'updateDeleteChannelMessages',
        messages: [sent.id],
        pts: before + 2,
        ptsCount: 1,
      },
    ],
  })
  expect(await difference(before + 2)).toMatchObject({
    _: 'updates.channelDifferenceEmpty',
    pts: before + 2,
  })
})

async function video(caption: string) {
  return {
    type: 'video' as const,
    file: await client.uploadFile({
      file: randomBytes(5000),
      fileName: 'video.mp4',
      fileMime: 'video/mp4',
    }),
    thumb: makeJpeg(320, 180),
    ...{ width: 640, height: 360, duration: 7, supportsStreaming: true },
    caption,
  }
}
