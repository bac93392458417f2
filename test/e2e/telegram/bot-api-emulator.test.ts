import { randomBytes } from 'node:crypto'
import type { FaultEffect } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { TransferRequest } from '../../../src/core/ports/telegram.ts'
import { MiB } from '../../../src/lib/units.ts'
import {
  type BotApiTimeouts,
  createBotApiRoad,
} from '../../../src/telegram/bot-api/bot-api-road.ts'
import { startSharedTelegram } from '../../helpers/peers/telegram.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import {
  CAPTION,
  makeRequest,
  type ObservedRequest,
} from '../../telegram/bot-api/transfer-request.ts'

const telegram = await startSharedTelegram()

test.each([1, 5 * MiB + 1, 20 * MiB])('a file of %i bytes comes back as it was', async (size) => {
  const { request, road, signal } = start({ size, name: 'Ünïcödé отчёт 📄.bin' })

  const { messageId, fileId } = await road.send(request)

  const messages = await telegram.messages(request.credentials.channelId)
  expect(messages.at(-1)).toMatchObject({
    id: messageId,
    fileName: 'Ünïcödé отчёт 📄.bin',
    caption: CAPTION,
    silent: true,
    sha256: request.digest,
  })
  const file = await road.findFile(request.credentials.botToken ?? '', fileId, signal)
  const block = await road.readBlock(file, { offset: size - 1, length: 1 }, signal)
  const last = new Uint8Array(1)
  await request.file.read(size - 1, last)
  expect([...block]).toEqual([...last])
})

test('a video stays a document', async () => {
  const { request, road } = start({ name: 'film.mp4', mimeType: 'video/mp4' })

  await road.send(request)

  const messages = await telegram.messages(request.credentials.channelId)
  expect(messages.at(-1)).toMatchObject({ mimeType: 'video/mp4' })
})

test('a file over the limit is refused, and another road may take it', async () => {
  const limit = telegram.settings.read().botApiUploadLimit
  telegram.settings.change({ botApiUploadLimit: MiB })
  const { request, road } = start({ size: MiB + 1 })

  await expect(road.send(request)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })

  telegram.settings.change({ botApiUploadLimit: limit })
})

test.each<[string, FaultEffect]>([
  ['a cut connection', { kind: 'drop' }],
  ['a page of a proxy', { kind: 'html', status: 502 }],
  ['an inner error', { kind: 'error', code: 500, message: 'Internal Server Error' }],
  ['a flood', { kind: 'error', code: 429, message: 'Too Many Requests', retryAfter: 1 }],
])('%s is got over, and the file is posted once', async (_, effect) => {
  const { request, road, label } = start({ size: 2 * MiB })
  telegram.faults.add({ method: 'bot:sendDocument', effect, account: label, times: 1 })

  await road.send(request)

  expect(await telegram.messages(request.credentials.channelId)).toHaveLength(1)
})

test.each<FaultEffect['kind']>(['drop-after', 'lose-answer'])(
  'after %s the message is looked for and not posted twice',
  async (kind) => {
    // Only a lost answer is given up by the clock.
    const timeouts = kind === 'lose-answer' ? { answerMs: 1000 } : {}
    const { request, road, label } = start({ size: MiB }, timeouts)
    const effect = kind === 'drop-after' ? { kind } : ({ kind: 'lose-answer' } as const)
    telegram.faults.add({ method: 'bot:sendDocument', effect, account: label, times: 1 })
    // A busy Telegram may list the message only after its answer was given up.
    const look = vi.fn(({ credentials }: TransferRequest) =>
      vi.waitFor(async () => {
        const [message] = await telegram.messages(credentials.channelId)
        if (!message) throw new Error('the message is not listed')
        return { messageId: message.id, fileId: 'found' }
      }),
    )

    expect((await road.send(request, look)).fileId).toBe('found')
    expect(look).toHaveBeenCalledTimes(1)
    expect(await telegram.messages(request.credentials.channelId)).toHaveLength(1)
  },
)

test('a bot that was removed, or may not post, is refused with the advice to make it an administrator', async () => {
  for (const role of ['member', null] as const) {
    const { request, road, botId } = start()
    telegram.faults.setRole({ channelId: request.credentials.channelId, accountId: botId, role })

    await expect(road.send(request)).rejects.toMatchObject({
      code: 'TELEGRAM_FORBIDDEN',
      message: expect.stringContaining('administrator'),
    })
  }
})

test('a foreign channel and a revoked token say what is wrong', async () => {
  const { request, road } = start()
  const { credentials } = request

  const elsewhere = { ...request, credentials: { ...credentials, channelId: '-1009999999999' } }
  await expect(road.send(elsewhere)).rejects.toMatchObject({ code: 'TELEGRAM_CHANNEL_NOT_FOUND' })

  const revoked = { ...request, credentials: { ...credentials, botToken: '1:revoked' } }
  await expect(road.send(revoked)).rejects.toMatchObject({ code: 'TELEGRAM_SESSION_INVALID' })
})

interface Started {
  request: ObservedRequest
  road: ReturnType<typeof createBotApiRoad>
  label: string
  botId: number
  signal: AbortSignal
}

/** A new account, and a request to send something to its channel. */
function start(
  changes: Parameters<typeof makeRequest>[0] = {},
  timeouts: Partial<BotApiTimeouts> = {},
): Started {
  const label = randomBytes(8).toString('hex')
  const account = telegram.createAccount({ label })
  const credentials: Credentials = {
    userId: label,
    botToken: account.botToken,
    channelId: account.channelId,
    session: null,
    apiId: null,
    apiHash: null,
  }
  const road = createBotApiRoad({
    root: telegram.botApi.root,
    local: false,
    log: createRecordingLog(),
    timeouts: { lookAfterMs: [1], ...timeouts },
  })
  return {
    request: { ...makeRequest(changes), credentials },
    road,
    label,
    botId: account.botId ?? 0,
    signal: new AbortController().signal,
  }
}
