import { randomBytes } from 'node:crypto'
import { Api } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { expect, test } from 'vitest'
import { connectGramjs, FOR_GRAMJS } from '../helpers/gramjs-client.ts'
import { connectMtcute } from '../helpers/mtcute-client.ts'
import { makeJpeg } from '../helpers/posting.ts'
import { startTelegram } from '../helpers/telegram.ts'

test('a video that mtcute posts is a video with its thumbnail, for mtcute and for gramjs', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const { account } = telegram
  const client = await connectMtcute(telegram)
  await client.start({ botToken: account.botToken ?? '' })
  const jpeg = makeJpeg(320, 180)

  const sent = await client.sendMedia(Number(account.channelId), {
    type: 'video',
    file: await client.uploadFile({
      file: randomBytes(5000),
      fileName: 'film.mp4',
      fileMime: 'video/mp4',
    }),
    thumb: jpeg,
    width: 640,
    height: 360,
    duration: 7,
    supportsStreaming: true,
    spoiler: true,
    caption: 'a caption',
  })

  if (sent.media?.type !== 'video') throw new Error('the message has no video')
  expect(sent.media).toMatchObject({ width: 640, height: 360, duration: 7, hasSpoiler: true })
  const [thumbnail] = sent.media.thumbnails
  if (!thumbnail) throw new Error('the video has no thumbnail')
  expect(Buffer.from(await client.downloadAsBuffer(thumbnail)).equals(jpeg)).toBe(true)

  const reader = await connectGramjs(telegram)
  const [dialog] = await reader.getDialogs({})
  const [message] = await reader.getMessages(dialog?.inputEntity, { limit: 1 })
  expect(message?.video?.attributes).toMatchObject([
    { className: 'DocumentAttributeVideo', w: 640, h: 360, supportsStreaming: true },
    { className: 'DocumentAttributeFilename', fileName: 'film.mp4' },
  ])
  const downloaded = await reader.downloadMedia(message?.media as Api.TypeMessageMedia, {
    thumb: 0,
  })
  expect(Buffer.compare(downloaded as Buffer, jpeg)).toBe(0)
})

test('the attributes that gramjs gives a song come back to it', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram)
  const [dialog] = await client.getDialogs({})

  const sent = await client.sendFile(dialog?.inputEntity ?? '', {
    file: new CustomFile('song.mp3', 5000, '', randomBytes(5000)),
    attributes: [new Api.DocumentAttributeAudio({ duration: 61, title: 'Song', performer: 'I' })],
    silent: true,
    caption: 'a **bold** word',
    parseMode: 'markdown',
  })

  const [found] = await client.getMessages(dialog?.inputEntity, { ids: sent.id })
  expect(found).toMatchObject({
    silent: true,
    message: 'a bold word',
    entities: [{ className: 'MessageEntityBold', offset: 2, length: 4 }],
  })
  expect(found?.audio?.attributes).toContainEqual(
    expect.objectContaining({ className: 'DocumentAttributeAudio', duration: 61, title: 'Song' }),
  )
})

test('a later date is refused on the wire, with its name', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram)
  const [dialog] = await client.getDialogs({})

  const sending = client.sendFile(dialog?.inputEntity ?? '', {
    file: new CustomFile('a.bin', 10, '', randomBytes(10)),
    scheduleDate: Math.floor(Date.now() / 1000) + 3600,
  })

  await expect(sending).rejects.toMatchObject({ code: 400, errorMessage: 'SCHEDULE_TOO_MUCH' })
})
