import { randomBytes } from 'node:crypto'
import { Api, type TelegramClient } from 'telegram'
import { CustomFile } from 'telegram/client/uploads.js'
import { expect, test } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'
import { connectGramjs, FOR_GRAMJS } from '../helpers/gramjs-client.ts'
import { startTelegram } from '../helpers/telegram.ts'

test('gramjs posts a text, edits it and reads it back', async () => {
  const { client, channel } = await start()

  const sent = await client.sendMessage(channel, { message: 'some **words**' })
  await client.editMessage(channel, { message: sent.id, text: 'other words' })

  const [found] = await client.getMessages(channel, { ids: sent.id })
  expect(found).toMatchObject({ message: 'other words', editDate: expect.any(Number) })
})

test('gramjs edits a caption, and then the file', async () => {
  const { client, channel } = await start()
  const sent = await client.sendFile(channel, { file: makeFile('a.bin', 10), caption: 'words' })

  await client.editMessage(channel, { message: sent.id, text: 'other words' })
  await client.editMessage(channel, {
    message: sent.id,
    text: 'other words',
    file: makeFile('b.bin', 20),
  })

  const [found] = await client.getMessages(channel, { ids: sent.id })
  expect(found?.message).toBe('other words')
  expect(found?.document?.size.toString()).toBe('20')
})

test('gramjs gets MESSAGE_NOT_MODIFIED for an edit that changes nothing', async () => {
  const { client, channel } = await start()
  const sent = await client.sendMessage(channel, { message: 'words' })

  const editing = client.editMessage(channel, { message: sent.id, text: 'words' })

  await expect(editing).rejects.toMatchObject({ code: 400, errorMessage: 'MESSAGE_NOT_MODIFIED' })
})

test('gramjs posts an album, whose messages share their grouped id', async () => {
  const { client, channel } = await start()

  await client.sendFile(channel, {
    file: [makeFile('a.bin', 10), makeFile('b.bin', 20), makeFile('c.bin', 30)],
    caption: ['first', 'second', 'third'],
    forceDocument: true,
  })

  const found = await client.getMessages(channel, { limit: 3 })
  expect([...found].map(({ message }) => message)).toEqual(['third', 'second', 'first'])
  const groups = found.map(({ groupedId }) => groupedId?.toString())
  expect(new Set(groups).size).toBe(1)
  expect(groups[0]).toMatch(/^\d+$/)
})

test('gramjs forwards a post to another channel', async () => {
  const { client, channel, telegram } = await start()
  const { channelId, userId: accountId } = telegram.createAccount({ label: 'other' })
  telegram.faults.setRole({ channelId: telegram.account.channelId, accountId, role: 'member' })
  telegram.faults.setRole({ channelId, accountId: telegram.account.userId, role: 'admin' })
  const dialogs = await client.getDialogs({})
  const target = dialogs.find(({ title }) => title === 'other files')?.inputEntity ?? ''
  const sent = await client.sendFile(channel, { file: makeFile('a.bin', 10), caption: 'words' })

  await client.forwardMessages(target, { messages: [sent.id], fromPeer: channel })
  await client.forwardMessages(target, {
    messages: [sent.id],
    fromPeer: channel,
    dropAuthor: true,
  })

  const [copy, forward] = await client.getMessages(target, { limit: 2 })
  expect(forward).toMatchObject({
    message: 'words',
    fwdFrom: { className: 'MessageFwdHeader', channelPost: sent.id },
  })
  expect(copy).toMatchObject({ message: 'words', fwdFrom: null })
  expect(copy?.document?.size.toString()).toBe('10')
})

test('gramjs lists the administrators of a channel, and searches its members', async () => {
  const { client, channel, telegram } = await start()
  const { channelId } = telegram.account
  const { userId: accountId } = telegram.createAccount({ label: 'anna' })
  telegram.faults.setRole({ channelId, accountId, role: 'member' })

  const admins = await client.getParticipants(channel, {
    filter: new Api.ChannelParticipantsAdmins(),
  })
  const found = await client.getParticipants(channel, { search: 'ann' })

  expect([...admins].map(({ firstName }) => firstName)).toEqual(['main', 'main bot'])
  expect([...found].map(({ firstName }) => firstName)).toEqual(['anna'])
})

test('gramjs follows a channel by its differences', async () => {
  const { client, channel } = await start()
  const first = await client.sendMessage(channel, { message: 'first' })
  const { pts } = await difference(client, channel, 1)

  const second = await client.sendMessage(channel, { message: 'second' })
  await client.editMessage(channel, { message: first.id, text: 'edited' })
  await client.deleteMessages(channel, [second.id], { revoke: true })
  const third = await client.sendMessage(channel, { message: 'third' })

  const found = await difference(client, channel, pts)
  expect(found).toMatchObject({ className: 'updates.ChannelDifference', final: true, pts: pts + 4 })
  expect(found.newMessages).toMatchObject([{ id: third.id, message: 'third' }])
  expect(found.otherUpdates).toMatchObject([
    {
      className: 'UpdateEditChannelMessage',
      message: { id: first.id, message: 'edited' },
      pts: pts + 2,
    },
    { className: 'UpdateDeleteChannelMessages', messages: [second.id], pts: pts + 3 },
  ])
  expect(await difference(client, channel, found.pts)).toMatchObject({
    className: 'updates.ChannelDifferenceEmpty',
  })
})

async function start(): Promise<{
  telegram: Emulator
  client: TelegramClient
  channel: Api.TypeInputPeer
}> {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram)
  const [dialog] = await client.getDialogs({})
  if (!dialog) throw new Error('the user has no channel')
  return { telegram, client, channel: dialog.inputEntity }
}

const makeFile = (name: string, size: number): CustomFile =>
  new CustomFile(name, size, '', randomBytes(size))

async function difference(
  client: TelegramClient,
  channel: Api.TypeInputPeer,
  pts: number,
): Promise<Api.updates.ChannelDifference> {
  if (!(channel instanceof Api.InputPeerChannel)) throw new Error('no channel')
  const { channelId, accessHash } = channel
  const found = await client.invoke(
    new Api.updates.GetChannelDifference({
      channel: new Api.InputChannel({ channelId, accessHash }),
      filter: new Api.ChannelMessagesFilterEmpty(),
      pts,
      limit: 100,
    }),
  )
  // A test reads the fields of the class that it expects.
  return found as Api.updates.ChannelDifference
}
