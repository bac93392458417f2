import { InputFile } from 'node-telegram-bot-api'
import { describe, expect, test } from 'vitest'
import { makeJpeg } from '../../../packages/telegram-emulator/test/helpers/posting.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { botApiOf } from '../channel/setup.ts'
import { botOf, startGateway, userOf } from './setup.ts'

const { signal } = new AbortController()
const JPEG = makeJpeg(320, 180, 5000)

/** A document that another client has posted with a thumbnail, and one without. */
async function start(way: 'user' | 'bot' = 'user') {
  const telegram = await startTelegram()
  const { account } = telegram
  const credentials = way === 'user' ? userOf(account) : botOf(account)
  const { gateway } = startGateway(telegram)
  const post = async (thumbnail?: Buffer): Promise<number> => {
    const { message_id } = await botApiOf(telegram, { account }).sendDocument({
      chat_id: account.channelId,
      document: new InputFile(Buffer.alloc(10_000, 1), { filename: 'a.mp4' }),
      ...(thumbnail && { thumbnail: new InputFile(thumbnail, { filename: 'thumb.jpg' }) }),
    })
    return message_id
  }
  const locate = (messageId: number) => gateway.locate(credentials, messageId, signal)
  const read = async (messageId: number) => gateway.readThumbnail(await locate(messageId), signal)
  const calls = () => telegram.counters.read().methods['upload.getFile']?.calls ?? 0
  return { telegram, gateway, post, locate, read, calls }
}

describe.each(['user', 'bot'] as const)('as the %s', (way) => {
  test('a thumbnail is one request, and its bytes are those that were sent', async () => {
    const { post, read, calls } = await start(way)
    const messageId = await post(JPEG)

    const picture = await read(messageId)

    expect(Buffer.from(picture ?? []).equals(JPEG)).toBe(true)
    expect(calls()).toBe(1)
  })
})

test('a document without a thumbnail has none, and Telegram is not asked for it', async () => {
  const { post, read, calls } = await start()

  expect(await read(await post())).toBeNull()

  expect(calls()).toBe(0)
})

test('a thumbnail is found after its document has moved, and after its reference has expired', async () => {
  const { telegram, gateway, post, locate } = await start()
  const document = await locate(await post(JPEG))

  telegram.faults.migrateDocuments(4)
  const moved = await gateway.readThumbnail(document, signal)
  telegram.faults.expireFileReferences()
  const renewed = await gateway.readThumbnail(document, signal)

  expect([moved?.length, renewed?.length]).toEqual([JPEG.length, JPEG.length])
})

test('reading a thumbnail does not wait as long as Telegram asks', async () => {
  const { telegram, gateway, post, locate } = await start()
  const document = await locate(await post(JPEG))
  telegram.faults.add({
    method: 'upload.getFile',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_20' },
    times: 1,
  })

  await expect(gateway.readThumbnail(document, signal)).rejects.toMatchObject({
    code: 'TELEGRAM_FLOOD_WAIT',
    retryAfter: expect.any(Number),
  })
})
