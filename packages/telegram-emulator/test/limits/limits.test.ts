import { randomBytes } from 'node:crypto'
import { Api, InputFile } from 'node-telegram-bot-api'
import { CustomFile } from 'telegram/client/uploads.js'
import { expect, test } from 'vitest'
import { TELEGRAM_LIMITS } from '../../src/settings.ts'
import { connectGramjs, FOR_GRAMJS } from '../helpers/gramjs-client.ts'
import { connectMtcute } from '../helpers/mtcute-client.ts'
import { startTelegram } from '../helpers/telegram.ts'

test('a bot that logs in too often has to wait', async () => {
  const telegram = await startTelegram({ settings: { loginsPerHour: 1 } })
  const botToken = telegram.account.botToken ?? ''
  const first = await connectMtcute(telegram)
  const second = await connectMtcute(telegram)
  await first.start({ botToken })

  await expect(second.start({ botToken })).rejects.toMatchObject({
    code: 420,
    text: 'FLOOD_WAIT_%d',
    seconds: expect.any(Number),
  })

  expect(telegram.counters.read().authorizations.bot).toBe(1)
})

test('gramjs waits out the limit of posts in a chat', async () => {
  const telegram = await startTelegram({
    settings: { ...FOR_GRAMJS.settings, ...TELEGRAM_LIMITS },
  })
  const client = await connectGramjs(telegram)
  const [dialog] = await client.getDialogs({})
  const chat = dialog?.inputEntity ?? ''

  const send = (message: string) => client.sendMessage(chat, { message })
  const [first, second] = await Promise.all([send('first'), send('second')])

  expect(Math.abs(second.date - first.date)).toBeGreaterThan(0)
  const { calls, errors } = telegram.counters.read().methods['messages.sendMessage'] ?? {}
  expect({ calls, errors }).toEqual({ calls: 3, errors: { FLOOD_WAIT_1: 1 } })
})

test('the Bot API answers 429 with the time to wait', async () => {
  const telegram = await startTelegram({ settings: { postsPerMinutePerChat: 2 } })
  const { account, botApi } = telegram
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const chat_id = account.channelId
  const { message_id } = await api.sendMessage({ chat_id, text: 'first' })
  await api.copyMessage({ chat_id, from_chat_id: chat_id, message_id })
  const refusal = {
    errorCode: 429,
    description: expect.stringMatching(/^Too Many Requests: retry after \d+$/),
    parameters: { retry_after: expect.any(Number) },
  }

  const document = new InputFile(randomBytes(10), { filename: 'a.bin' })
  const video = new InputFile(randomBytes(10), { filename: 'a.mp4' })
  const source = { from_chat_id: chat_id, message_id }

  await expect(api.sendMessage({ chat_id, text: 'x' })).rejects.toMatchObject(refusal)
  await expect(api.sendDocument({ chat_id, document })).rejects.toMatchObject(refusal)
  await expect(api.sendVideo({ chat_id, video })).rejects.toMatchObject(refusal)
  await expect(api.forwardMessage({ chat_id, ...source })).rejects.toMatchObject(refusal)
  // An edit is no post.
  await api.editMessageText({ chat_id, message_id, text: 'edited' })
})

test.each([
  [false, 'FLOOD_PREMIUM_WAIT_1'],
  [true, 'FLOOD_WAIT_1'],
])('too many parts at once wait; premium account: %s', async (premium, error) => {
  const telegram = await startTelegram({
    settings: {
      ...FOR_GRAMJS.settings,
      latencyMs: 300,
      partsInFlightPerAccount: 3,
      partsWaitSeconds: 1,
    },
  })
  const { session } = telegram.createAccount({ label: 'uploader', premium })
  const client = await connectGramjs(telegram, session ?? '')
  const bytes = randomBytes(4 * 128 * 1024)

  await client.uploadFile({ file: new CustomFile('a.bin', bytes.length, '', bytes), workers: 4 })

  const { methods, repeatedParts, partsReceived } = telegram.counters.read()
  expect(methods['upload.saveFilePart']?.errors[error]).toBeGreaterThan(0)
  expect({ repeatedParts, partsReceived }).toEqual({ repeatedParts: [], partsReceived: 4 })
})

test('limits are turned on while the emulator runs', async () => {
  const telegram = await startTelegram()
  const { account, botApi, control } = telegram
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const send = () => api.sendMessage({ chat_id: account.channelId, text: 'x' })
  await send()
  await send()

  const response = await fetch(`${control.root}/settings`, {
    method: 'POST',
    body: JSON.stringify({ ...TELEGRAM_LIMITS, postsPerMinutePerChat: 1 }),
  })
  await send()

  expect(response.status).toBe(200)
  await expect(send()).rejects.toMatchObject({ errorCode: 429 })
})
