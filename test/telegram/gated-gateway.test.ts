import { expect, test } from 'vitest'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import { AppError } from '../../src/errors.ts'
import { createGatedGateway } from '../../src/telegram/gated-gateway.ts'
import { createFakeChannel, type FakeChannel } from '../helpers/peers/fake-channel.ts'
import { createFakeGateway, type FakeGateway } from '../helpers/peers/fake-gateway.ts'

const credentials: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: null,
  apiId: null,
  apiHash: null,
}
const never = new AbortController().signal
const restarting = new AppError('SHUTTING_DOWN', 'Come again')

test('calls wait at the gate; roads are known without Telegram', async () => {
  const { gateway, gate, made } = open()
  expect(gateway.roadFor(credentials, 1)).toBe('mtproto-user')
  let answered = false
  const waiting = gateway.locate(credentials, 1, never).finally(() => {
    answered = true
  })
  await Promise.resolve()
  expect(answered).toBe(false)

  made[0]?.posted.push({ messageId: 1, name: 'a', mimeType: 'a/b', bytes: Buffer.from('a') })
  gate.open()

  expect((await waiting).size).toBe(1)
})

test('calls for the messages of a channel wait at the same gate', async () => {
  const { channel, gate, channels } = open()
  expect(channel.reader(credentials)).toBe('user')
  const waiting = channel.position({ credentials, signal: never })
  await Promise.resolve()
  expect(channels[0]?.requests).toEqual([])

  gate.open()

  expect((await waiting).pts).toBe(1)
  await gate.leave(restarting)
  await expect(channel.page({ credentials, signal: never }, 1)).rejects.toBe(restarting)
})

test('leaving ends running and new calls, and opening again makes a new gateway', async () => {
  const { gateway, gate, made } = open()
  gate.open()
  const running = gateway.readBlock(document, { offset: 0, length: 4096 }, never)

  await gate.leave(restarting)

  await expect(running).rejects.toThrow('The gateway was closed')
  await expect(gateway.locate(credentials, 1, never)).rejects.toBe(restarting)
  gate.open()
  await expect(gateway.locate(credentials, 1, never)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  })
  expect(made).toHaveLength(2)
})

const document = {
  id: '1',
  size: 4096,
  fileName: null,
  mimeType: null,
  modifiedAt: 0,
  caption: null,
  road: 'mtproto-user' as const,
  locator: 0,
}

/** Each gateway that it makes ends its reads when it is closed, and never before. */
function open() {
  const made: FakeGateway[] = []
  const channels: FakeChannel[] = []
  const gated = createGatedGateway(() => {
    const fake = createFakeGateway()
    made.push(fake)
    const channel = createFakeChannel()
    channels.push(channel)
    const closed = Promise.withResolvers<never>()
    closed.promise.catch(() => {})
    return {
      ...fake,
      channel,
      shared: { placeOf: () => closed.promise, read: () => closed.promise },
      forget: () => {},
      roadFor: fake.roadFor,
      readBlock: () => closed.promise,
      close: async () => closed.reject(new Error('The gateway was closed')),
    }
  })
  return { ...gated, made, channels }
}
