import { randomBytes } from 'node:crypto'
import { Api, type TelegramClient } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { expect, test } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'
import { MiB } from '../../src/lib/units.ts'
import { connectGramjs, FOR_GRAMJS } from '../helpers/gramjs-client.ts'
import { startTelegram } from '../helpers/telegram.ts'

test.each([
  ['its own', (telegram: Emulator) => telegram.account.session],
  ["Telethon's", (telegram: Emulator) => telegram.account.telethonSession],
])('gramjs opens %s string session, uploads, posts and downloads', async (_name, sessionOf) => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram, sessionOf(telegram) ?? '')
  const content = randomBytes(12 * MiB + 3)

  const { document, id } = await postFile(client, content)
  const downloaded = await downloadFile(client, document)

  expect(Buffer.compare(downloaded, content)).toBe(0)
  const listed = await telegram.messages(telegram.account.channelId)
  expect(listed).toMatchObject([{ id, size: content.length, fileName: 'файл.bin' }])
  expect(telegram.counters.read()).toMatchObject({ keysKilled: 0, repeatedParts: [] })
})

test('the string sessions have the lengths that others expect', async () => {
  const { account } = await startTelegram(FOR_GRAMJS)

  expect(account.telethonSession).toHaveLength(353)
  expect(account.telethonSession).toMatch(/^1[A-Za-z0-9_-]+=*$/)
  expect(account.session).toMatch(/^1[A-Za-z0-9+/]+=*$/)
})

test('a document that the bot posted is there for the user, by hashes of its own', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram)
  const content = randomBytes(5000)
  const form = new FormData()
  form.set('chat_id', telegram.account.channelId)
  form.set('document', new Blob([content]), 'from-the-bot.bin')
  const { botApi, account } = telegram
  await fetch(`${botApi.root}/bot${account.botToken}/sendDocument`, { method: 'POST', body: form })

  const [dialog] = await client.getDialogs({})
  const [message] = await client.getMessages(dialog?.inputEntity, { limit: 1 })
  const document = message?.document
  if (!document) throw new Error('the message has no document')

  expect(Buffer.compare(await downloadFile(client, document), content)).toBe(0)
})

async function postFile(
  client: TelegramClient,
  content: Buffer,
): Promise<{ document: Api.Document; id: number }> {
  const [dialog] = await client.getDialogs({})
  const file = await client.uploadFile({
    file: new CustomFile('файл.bin', content.length, '', content),
    workers: 4,
  })
  const message = await client.sendFile(dialog?.inputEntity ?? '', { file, forceDocument: true })
  const found = await client.getMessages(dialog?.inputEntity, { ids: message.id })
  const document = found[0]?.document
  if (!document) throw new Error('the message has no document')
  return { document, id: message.id }
}

async function downloadFile(client: TelegramClient, document: Api.Document): Promise<Buffer> {
  const location = new Api.InputDocumentFileLocation({
    id: document.id,
    accessHash: document.accessHash,
    fileReference: document.fileReference,
    thumbSize: '',
  })
  const chunks: Buffer[] = []
  for await (const chunk of client.iterDownload({ file: location, requestSize: 512 * 1024 }))
    chunks.push(chunk)
  return Buffer.concat(chunks)
}
