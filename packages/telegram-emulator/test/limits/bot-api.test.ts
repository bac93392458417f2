import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseFileId } from '@mtcute/file-id'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'
import { MiB } from '../../src/lib/units.ts'
import { makeJpeg } from '../helpers/posting.ts'
import { startTelegram } from '../helpers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'

test('a document that was sent can be fetched, whole and in ranges', async () => {
  const telegram = await startTelegram()
  const api = connect(telegram)
  const content = randomBytes(3 * MiB + 1)

  const sent = await sendDocument(telegram, content, 'Отчёт "2026".txt')
  const file = await api.getFile({ file_id: sent.document?.file_id ?? '' })

  expect(sent).toMatchObject({
    message_id: 2,
    chat: { id: Number(telegram.account.channelId), type: 'channel' },
    caption: 'a caption',
    document: { file_size: content.length, mime_type: 'text/plain' },
  })
  expect(file.file_unique_id).toBe(sent.document?.file_unique_id)
  const url = `${telegram.botApi.root}/file/bot${telegram.account.botToken}/${file.file_path}`
  expect(Buffer.compare(await download(url), content)).toBe(0)
  const part = await fetch(url, { headers: { range: 'bytes=100-199' } })
  expect(part.status).toBe(206)
  expect(part.headers.get('content-range')).toBe(`bytes 100-199/${content.length}`)
  expect(Buffer.from(await part.arrayBuffer())).toEqual(content.subarray(100, 200))
  const none = await fetch(url, { headers: { range: `bytes=${content.length}-` } })
  expect(none.status).toBe(416)
})

test('a file_id is a real one, and can be sent again', async () => {
  const telegram = await startTelegram()
  const { document } = await sendDocument(telegram, randomBytes(100))
  const fileId = document?.file_id ?? ''

  const again = await connect(telegram).sendDocument({
    chat_id: telegram.account.channelId,
    document: fileId,
  })

  expect(parseFileId(fileId)).toMatchObject({ dcId: 2, type: 5, location: { _: 'common' } })
  expect(again).toMatchObject({ message_id: 3, document: { file_size: 100 } })
  const stranger = telegram.createAccount({ label: 'other' })
  const theirs = connect(telegram, stranger.botToken ?? '')
  await expect(theirs.getFile({ file_id: fileId })).rejects.toMatchObject({
    description: 'Bad Request: invalid file_id',
  })
})

test('50 MB are taken, a byte more is refused with 413', async () => {
  const telegram = await startTelegram()

  const sent = await sendDocument(telegram, Buffer.alloc(50 * MiB))

  expect(sent.document?.file_size).toBe(50 * MiB)
  await expect(sendDocument(telegram, Buffer.alloc(50 * MiB + 1))).rejects.toMatchObject({
    errorCode: 413,
    description: 'Request Entity Too Large',
  })
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

test('above 20 MB there is no download', async () => {
  const telegram = await startTelegram()
  const { document } = await sendDocument(telegram, Buffer.alloc(20 * MiB + 1))

  await expect(
    connect(telegram).getFile({ file_id: document?.file_id ?? '' }),
  ).rejects.toMatchObject({ errorCode: 400, description: 'Bad Request: file is too big' })
})

test('a local server takes files of its disk, and keeps no copy of one that it refuses', async () => {
  const folder = await makeTempDir()
  const telegram = await startTelegram({ settings: { botApiLocal: true } })
  await writeFile(join(folder, 'empty.txt'), '')
  await writeFile(join(folder, 'full.txt'), 'hello')
  const send = (document: string) =>
    connect(telegram).sendDocument({ chat_id: telegram.account.channelId, document })

  const sent = await send(`file://${folder}/full.txt`)

  expect(sent.document).toMatchObject({ file_name: 'full.txt', file_size: 5 })
  await expect(send(`file://${folder}/empty.txt`)).rejects.toMatchObject({ errorCode: 400 })
  await expect(send(`file://${folder}/none.txt`)).rejects.toMatchObject({ errorCode: 400 })
  await expect(send('file://elsewhere/full.txt')).rejects.toMatchObject({ errorCode: 400 })
  const file = await connect(telegram).getFile({ file_id: sent.document?.file_id ?? '' })
  expect(await readdir(join(file.file_path ?? '', '../../spool'))).toEqual([])
})

test('a local server has no such limits and names its files by their path', async () => {
  const telegram = await startTelegram({ settings: { botApiLocal: true } })
  const content = Buffer.alloc(51 * MiB, 7)
  const { document } = await sendDocument(telegram, content)

  const file = await connect(telegram).getFile({ file_id: document?.file_id ?? '' })

  expect(file.file_path).toMatch(/^\//)
  expect(Buffer.compare(await readFile(file.file_path ?? ''), content)).toBe(0)
})

test('a local server names a thumbnail by its path as well', async () => {
  const telegram = await startTelegram({ settings: { botApiLocal: true } })
  const thumbnail = makeJpeg(320, 180)
  const { document } = await connect(telegram).sendDocument({
    chat_id: telegram.account.channelId,
    document: new InputFile(Buffer.from('content'), { filename: 'a.bin' }),
    thumbnail: new InputFile(thumbnail, { filename: 'thumbnail.jpg' }),
  })

  const wanted = { file_id: document?.thumbnail?.file_id ?? '' }
  const { file_path: path = '' } = await connect(telegram).getFile(wanted)

  expect(Buffer.compare(await readFile(path), thumbnail)).toBe(0)
})

test.each([
  ['two slashes', '//', 404],
  ['a second slash before the token', '//bot1:x/getMe', 404],
  ['a second slash before a host', '//evil.example:x/', 404],
  ['no method', '/bot1:x', 404],
  ['a broken escape in its token', '/bot%zz/getMe', 401],
  ['a broken escape in its file', '/file/bot1:x/%zz', 401],
])('a path with %s is refused', async (_name, path, status) => {
  const telegram = await startTelegram()

  const response = await fetch(telegram.botApi.root + path)

  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ ok: false, error_code: status })
})

test('refusals have the words of the Bot API', async () => {
  const telegram = await startTelegram()
  const api = connect(telegram)
  const other = telegram.createAccount({ label: 'other' })
  const send = (chat_id: string, size = 10) =>
    api.sendDocument({ chat_id, document: new InputFile(Buffer.alloc(size)) })

  await expect(connect(telegram, '1:x').getMe()).rejects.toMatchObject({
    errorCode: 401,
    description: 'Unauthorized',
  })
  await expect(send('-1001')).rejects.toMatchObject({ description: 'Bad Request: chat not found' })
  await expect(send(other.channelId)).rejects.toMatchObject({
    errorCode: 403,
    description: 'Forbidden: bot is not a member of the channel chat',
  })
  await expect(send(telegram.account.channelId, 0)).rejects.toMatchObject({
    description: 'Bad Request: file must be non-empty',
  })
  telegram.faults.setRole({
    channelId: telegram.account.channelId,
    accountId: telegram.account.botId ?? 0,
    role: 'member',
  })
  await expect(send(telegram.account.channelId)).rejects.toMatchObject({
    description: 'Bad Request: need administrator rights in the channel chat',
  })
})

test('the bot knows itself, its chat and its rights, and deletes messages', async () => {
  const telegram = await startTelegram()
  const { account } = telegram
  const api = connect(telegram)
  const { message_id } = await sendDocument(telegram, randomBytes(10))
  const user_id = account.botId ?? 0

  expect(await api.getMe()).toMatchObject({ id: account.botId, is_bot: true })
  expect(await api.getChat({ chat_id: account.channelId })).toMatchObject({ title: 'main files' })
  expect(await api.getChatMember({ chat_id: account.channelId, user_id })).toMatchObject({
    status: 'administrator',
    can_post_messages: true,
  })
  expect(await api.deleteMessage({ chat_id: account.channelId, message_id })).toBe(true)
  expect(await telegram.messages(account.channelId)).toEqual([])
})

test('without disable_content_type_detection a video is not answered as a document', async () => {
  const telegram = await startTelegram()
  const send = (disable: boolean) =>
    connect(telegram).sendDocument({
      chat_id: telegram.account.channelId,
      document: new InputFile(randomBytes(10), { filename: 'film.mp4' }),
      disable_content_type_detection: disable,
    })

  expect(await send(true)).toHaveProperty('document')
  expect(await send(false)).not.toHaveProperty('document')
})

test.each([
  [
    '429',
    { kind: 'error', code: 429, message: 'Too Many Requests: retry after 9', retryAfter: 9 },
    { errorCode: 429, parameters: { retry_after: 9 } },
  ],
  ['500', { kind: 'error', code: 500, message: 'Internal Server Error' }, { errorCode: 500 }],
  ['HTML', { kind: 'html', status: 413 }, { code: 'EPARSE' }],
  ['a reset', { kind: 'drop' }, { code: 'EFETCH' }],
] as const)('%s can be scripted, and nothing is posted', async (_name, effect, error) => {
  const telegram = await startTelegram()
  telegram.faults.add({ method: 'bot:sendDocument', effect, times: 1 })

  await expect(sendDocument(telegram, randomBytes(10))).rejects.toMatchObject(error)

  expect(await telegram.messages(telegram.account.channelId)).toEqual([])
})

test('an answer can be lost after the message was posted', async () => {
  const telegram = await startTelegram()
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' } })

  await expect(sendDocument(telegram, randomBytes(10))).rejects.toMatchObject({ code: 'EFETCH' })

  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

function connect(telegram: Emulator, token = telegram.account.botToken ?? ''): Api {
  return new Api(token, { apiRoot: telegram.botApi.root, maxRetries: 0 })
}

function sendDocument(telegram: Emulator, content: Uint8Array, filename = 'file.bin') {
  return connect(telegram).sendDocument({
    chat_id: telegram.account.channelId,
    document: new InputFile(content, { filename, contentType: 'application/octet-stream' }),
    caption: 'a caption',
    disable_content_type_detection: true,
  })
}

async function download(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer())
}
