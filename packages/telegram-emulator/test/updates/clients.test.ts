import { Api as BotApi } from 'node-telegram-bot-api'
import { EditedMessage } from 'telegram/events/EditedMessage.js'
import { NewMessage } from 'telegram/events/index.js'
import { expect, test, vi } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'
import { connectGramjs, FOR_GRAMJS } from '../helpers/gramjs-client.ts'
import { connectMtcute } from '../helpers/mtcute-client.ts'
import { startTelegram } from '../helpers/telegram.ts'

test('gramjs is pushed the posts and edits of the bot', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectGramjs(telegram)
  await client.getDialogs({})
  const heard: string[] = []
  client.addEventHandler(
    ({ message }) => void heard.push(`new ${message.message}`),
    new NewMessage({}),
  )
  client.addEventHandler(
    ({ message }) => void heard.push(`edited ${message.message}`),
    new EditedMessage({}),
  )

  const bot = botOf(telegram)
  const chat_id = telegram.account.channelId

  const { message_id } = await bot.sendMessage({ chat_id, text: 'first' })
  await vi.waitFor(() => expect(heard).toEqual(['new first']))
  await bot.editMessageText({ chat_id, message_id, text: 'second' })

  await vi.waitFor(() => expect(heard).toEqual(['new first', 'edited second']))
})

test('mtcute is pushed the posts, edits and deletions of a user', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectMtcute(telegram, {}, { disableUpdates: false })
  await client.start({ botToken: telegram.account.botToken ?? '' })
  const heard: string[] = []
  client.onNewMessage.add(({ text }) => void heard.push(`new ${text}`))
  client.onEditMessage.add(({ text }) => void heard.push(`edited ${text}`))
  client.onDeleteMessage.add(({ messageIds }) => void heard.push(`deleted ${messageIds}`))
  const user = await connectGramjs(telegram)
  const [dialog] = await user.getDialogs({})
  const chat = dialog?.inputEntity ?? ''

  const { id } = await user.sendMessage(chat, { message: 'first' })
  await vi.waitFor(() => expect(heard).toEqual(['new first']))
  await user.editMessage(chat, { message: id, text: 'second' })
  await vi.waitFor(() => expect(heard).toEqual(['new first', 'edited second']))
  await user.deleteMessages(chat, [id], { revoke: true })

  await vi.waitFor(() => expect(heard).toEqual(['new first', 'edited second', `deleted ${id}`]))
})

test('a session is pushed updates over its next connection as well', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const client = await connectMtcute(telegram, {}, { disableUpdates: false })
  await client.start({ botToken: telegram.account.botToken ?? '' })
  const heard: string[] = []
  client.onNewMessage.add(({ text }) => void heard.push(text))
  const user = await connectGramjs(telegram)
  const [dialog] = await user.getDialogs({})
  const chat = dialog?.inputEntity ?? ''
  await user.sendMessage(chat, { message: 'first' })
  await vi.waitFor(() => expect(heard).toEqual(['first']))

  telegram.faults.cutConnections()
  await vi.waitFor(() => client.call({ _: 'help.getNearestDc' }))
  await vi.waitFor(() => user.sendMessage(chat, { message: 'second' }))

  await vi.waitFor(() => expect(heard).toContain('second'))
})

test('a bot gets posts and edits of others by getUpdates, until it confirms them', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const bot = botOf(telegram)
  const user = await connectGramjs(telegram)
  const [dialog] = await user.getDialogs({})
  const chat = dialog?.inputEntity ?? ''
  await bot.sendMessage({ chat_id: telegram.account.channelId, text: 'its own' })

  const { id } = await user.sendMessage(chat, { message: 'first' })
  await user.editMessage(chat, { message: id, text: 'second' })
  const updates = await bot.getUpdates({})
  const [first, last] = updates

  expect(updates).toMatchObject([
    { channel_post: { message_id: id, text: 'second' } },
    { edited_channel_post: { message_id: id, text: 'second', edit_date: expect.any(Number) } },
  ])
  expect(await bot.getUpdates({ limit: 1 })).toEqual([first])
  expect(await bot.getUpdates({ offset: -1 })).toEqual([last])
  expect(await bot.getUpdates({ offset: (last?.update_id ?? 0) + 1 })).toEqual([])
})

test('a long poll ends with the first update', async () => {
  const telegram = await startTelegram(FOR_GRAMJS)
  const bot = botOf(telegram)
  const user = await connectGramjs(telegram)
  const [dialog] = await user.getDialogs({})
  const polling = bot.getUpdates({ timeout: 50 })
  await vi.waitFor(() => expect(telegram.counters.read().methods['bot:getUpdates']?.calls).toBe(1))

  await user.sendMessage(dialog?.inputEntity ?? '', { message: 'words' })

  expect(await polling).toMatchObject([{ channel_post: { text: 'words' } }])
})

const botOf = ({ account, botApi }: Emulator): BotApi =>
  new BotApi(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
