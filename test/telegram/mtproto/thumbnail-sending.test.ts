import { describe, expect, test } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { OutgoingThumbnail } from '../../../src/core/ports/telegram.ts'
import { MiB } from '../../../src/lib/units.ts'
import { makePicture } from '../../helpers/jpeg.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { botOf, createFile, createRequest, startGateway, userOf } from './setup.ts'

const { signal } = new AbortController()
const JPEG = makePicture(320, 180, 5_000)

function outgoing(jpeg: Uint8Array = JPEG): OutgoingThumbnail & { refusals: unknown[] } {
  const refusals: unknown[] = []
  return {
    refusals,
    load: async () => (refusals.length > 0 ? null : jpeg),
    refused: (error) => void refusals.push(error),
  }
}

async function start(way: 'user' | 'bot' | 'bot-api' = 'user') {
  const telegram = await startTelegram()
  const { account } = telegram
  const { gateway } = startGateway(telegram)
  // By the Bot API it is sent, and the user reads it.
  const both: Credentials = { ...userOf(account), botToken: account.botToken }
  const credentials = { user: userOf(account), bot: botOf(account), 'bot-api': both }[way]
  const send = (thumbnail: OutgoingThumbnail, size = 20 * MiB) =>
    gateway.finish(createRequest(credentials, createFile(size), { thumbnail }))
  const read = async (messageId: number) =>
    gateway.readThumbnail(await gateway.locate(credentials, messageId, signal), signal)
  return { telegram, gateway, send, read, credentials }
}

describe.each([
  ['user', 20 * MiB],
  ['user', 5_000],
  ['bot-api', 5_000],
] as const)('as %s, with a file of %i bytes', (way, size) => {
  test('a thumbnail goes with its file, and is there afterwards', async () => {
    const { send, read } = await start(way)
    const thumbnail = outgoing()

    const posted = await send(thumbnail, size)

    expect(posted.hasThumbnail).toBe(true)
    expect(Buffer.from((await read(posted.messageId)) ?? []).equals(JPEG)).toBe(true)
    expect(thumbnail.refusals).toEqual([])
  })

  test('a file goes without a thumbnail that Telegram refuses', async () => {
    const { send, read } = await start(way)
    const thumbnail = outgoing(Buffer.from('no picture'))

    const posted = await send(thumbnail, size)

    expect(posted.messageId).toBeGreaterThan(0)
    expect(posted.hasThumbnail).toBe(false)
    expect(await read(posted.messageId)).toBeNull()
    if (way === 'user') expect(thumbnail.refusals).toHaveLength(1)
  })
})

test('a bot sends a thumbnail by MTProto', async () => {
  const { send, read } = await start('bot')
  // Larger than the Bot API takes.
  const posted = await send(outgoing(), 51 * MiB)

  expect(Buffer.from((await read(posted.messageId)) ?? []).equals(JPEG)).toBe(true)
})

test('a refused thumbnail is one more request, and no second message', async () => {
  const { telegram, gateway, send, credentials } = await start()
  telegram.faults.add({
    method: 'messages.uploadMedia',
    effect: { kind: 'error', code: 400, message: 'IMAGE_PROCESS_FAILED' },
    times: 1,
  })
  const thumbnail = outgoing()

  const posted = await send(thumbnail)

  expect(thumbnail.refusals).toHaveLength(1)
  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(2)
  const { messages } = await gateway.channel.page({ credentials, signal }, 1_000)
  expect(messages.map(({ messageId }) => messageId)).toEqual([posted.messageId])
})

test('what Telegram says of the file is no matter of its thumbnail', async () => {
  const { telegram, send } = await start()
  telegram.faults.add({
    method: 'messages.uploadMedia',
    effect: { kind: 'error', code: 400, message: 'CHANNEL_PRIVATE' },
    times: 2,
  })
  const thumbnail = outgoing()

  await expect(send(thumbnail)).rejects.toMatchObject({ code: expect.stringMatching(/^TELEGRAM_/) })

  expect(thumbnail.refusals).toEqual([])
})
