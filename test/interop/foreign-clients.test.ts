import { randomBytes } from 'node:crypto'
import type { Api, TelegramClient } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { expect, test } from 'vitest'
import {
  connectGramjs,
  FOR_GRAMJS,
} from '../../packages/telegram-emulator/test/helpers/gramjs-client.ts'
import { connectMtcute } from '../../packages/telegram-emulator/test/helpers/mtcute-client.ts'
import { makeJpeg } from '../../packages/telegram-emulator/test/helpers/posting.ts'
import { encodeCaption } from '../../src/core/model/caption.ts'
import { startSharedTelegram } from '../helpers/peers/telegram.ts'
import { createNotes, openLibrary } from '../telegram/channel/setup.ts'

/** The foreign clients do not keep to every rule that the worker keeps to. */
const telegram = await startSharedTelegram(FOR_GRAMJS)

test.each(['user', 'bot'] as const)(
  'a %s sees what gramjs posts, edits and deletes as another client of the channel',
  async (way) => {
    const library = openLibrary(telegram, way)
    const { client, channel } = await connectForeign(library.label)
    await client.sendFile(channel, { file: makeFile('theirs.pdf', 33), forceDocument: true })
    const caption = captionOf('ours.mkv')
    const ours = await client.sendFile(channel, {
      ...{ file: makeFile('cut.mkv', 44), forceDocument: true, caption },
    })
    const gone = await client.sendFile(channel, { file: makeFile('gone.bin', 5) })
    await library.look()
    expect(await library.files()).toEqual(['theirs.pdf 33', 'ours.mkv 44', 'gone.bin 5'])

    await client.editMessage(channel, { message: ours.id, text: captionOf('renamed.mkv') })
    await client.deleteMessages(channel, [gone.id], { revoke: true })
    await client.sendFile(channel, {
      file: [makeFile('one.bin', 1), makeFile('two.bin', 2)],
      caption: ['hello', '#telestore v=1 id=damaged name=other.bin'],
      forceDocument: true,
    })
    await library.look()

    const known = ['theirs.pdf 33', 'renamed.mkv 44', 'one.bin 1', 'two.bin 2']
    expect(await library.files()).toEqual(known)
    // A person swaps the file, and then puts text in the place of the line.
    const file = makeFile('swapped.mkv', 66)
    await client.editMessage(channel, { message: ours.id, text: 'my film', file })
    await library.look()
    expect(await library.files()).toEqual(known.with(1, 'swapped.mkv 66'))
  },
)

test.each(['user', 'bot'] as const)(
  'a %s sees what mtcute posts, with its folder and its thumbnail',
  async (way) => {
    const library = openLibrary(telegram, way)
    const account = telegram.createAccount({ label: library.label })
    const client = await connectMtcute({ ...telegram, account })
    await client.start({ botToken: account.botToken ?? '' })
    const chat = Number(account.channelId)
    const folder = randomBytes(16).toString('hex')
    await client.sendText(chat, captionOf('Films', { id: folder, kind: 'folder' }))
    const { id } = await client.sendMedia(chat, {
      ...{ type: 'video', file: Buffer.alloc(50, 1), fileName: 'a.mp4', fileMime: 'video/mp4' },
      ...{ thumb: makeJpeg(320, 180), width: 640, height: 360, duration: 7 },
      caption: captionOf('Ä film.mp4', { folderId: folder }),
    })

    await library.look()

    expect(await library.file(id)).toMatchObject({
      ...{ name: 'Ä film.mp4', path: ['Films'], size: 50, mimeType: 'video/mp4' },
      hasThumbnail: true,
    })
    await client.editMessage({
      message: 2,
      chatId: chat,
      text: captionOf('Kino', { id: folder, kind: 'folder' }),
    })
    await library.look()
    expect(await library.file(id)).toMatchObject({ path: ['Kino'] })
  },
)

test('what the worker writes is seen by a foreign client, and by its own next look', async () => {
  const library = openLibrary(telegram, 'user')
  const { client, channel } = await connectForeign(library.label)
  const sent = await client.sendFile(channel, { file: makeFile('a.bin', 10), forceDocument: true })
  const { gateway, call } = library
  const text = captionOf('copy.bin')
  const { messageId } = await gateway.post(call, {
    ...{ text, copyOf: sent.id, journal: createNotes() },
  })
  const edited = captionOf('renamed.bin')
  await gateway.edit(call, { messageId: sent.id, text: edited, part: 'caption', postedBy: null })

  const found = await client.getMessages(channel, { ids: [sent.id, messageId] })
  expect([...found].map((message) => message?.message)).toEqual([edited, text])
  // Telegram's own search finds all posts by the tag.
  const byTag = await client.getMessages(channel, { search: '#telestore' })
  expect([...byTag].map(({ id }) => id)).toEqual([messageId, sent.id])
  await library.look()
  expect(await library.files()).toEqual(['renamed.bin 10', 'copy.bin 10'])
  await gateway.remove(call, [sent.id], null)
  await library.look()
  expect(await library.files()).toEqual(['copy.bin 10'])
})

/** gramjs as another session of the channel's creator. */
async function connectForeign(
  label: string,
): Promise<{ client: TelegramClient; channel: Api.TypeInputPeer }> {
  const { session, channelId } = telegram.createAccount({ label, freshSession: true })
  const client = await connectGramjs(telegram, session ?? '')
  const dialogs = await client.getDialogs({})
  const found = dialogs.find(({ id }) => id?.toString() === channelId)
  if (!found) throw new Error('the channel is not in the list of chats')
  return { client, channel: found.inputEntity }
}

function makeFile(name: string, size: number): CustomFile {
  return new CustomFile(name, size, '', randomBytes(size))
}

function captionOf(
  name: string,
  said: { id?: string; kind?: 'folder'; folderId?: string } = {},
): string {
  const { id = randomBytes(16).toString('hex'), kind = 'file', folderId = null } = said
  return encodeCaption({ id, kind, folderId, name, modifiedAt: null, sha256: null, crc32: null })
}
