import { expect, test } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { startTelegram } from '../helpers/telegram.ts'
import { createFile, createRequest, startGateway, userOf } from '../telegram/mtproto/setup.ts'

const LONG = 25_000
const signal = new AbortController().signal
const flood = (seconds: number) =>
  ({ kind: 'error', code: 420, message: `FLOOD_WAIT_${seconds}` }) as const

test('who reads does not stand still because posts must', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const user = userOf(telegram.account)
  const { messageId } = await gateway.finish(createRequest(user, createFile(MiB)))
  telegram.faults.add({ method: 'messages.sendMedia', effect: flood(LONG), times: 1 })
  const second = gateway.finish(createRequest(user, createFile(MiB, { seed: 2 })))
  await expect(second).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: LONG })

  const document = await gateway.locate(user, messageId, signal)

  const block = await gateway.readBlock(document, { offset: 0, length: MiB }, signal)
  expect(block.length).toBe(MiB)
  expect(gateway.waitFor(user, MiB)).toBeGreaterThan(LONG - 60)
})

test('who posts does not stand still because readers must', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const user = userOf(telegram.account)
  const { messageId } = await gateway.finish(createRequest(user, createFile(MiB)))
  const document = await gateway.locate(user, messageId, signal)
  telegram.faults.add({ method: 'upload.getFile', effect: flood(LONG), times: 1 })
  const block = { offset: 0, length: MiB }
  await expect(gateway.readBlock(document, block, signal)).rejects.toMatchObject({
    code: 'TELEGRAM_FLOOD_WAIT',
  })

  const posted = await gateway.finish(createRequest(user, createFile(MiB, { seed: 2 })))

  expect(posted.messageId).toBeGreaterThan(messageId)
  expect(gateway.waitFor(user, MiB)).toBe(0)
})

test('all who share the search for a channel are told that Telegram makes it wait', async () => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  telegram.faults.add({ method: 'messages.getDialogs', effect: flood(1), times: 1 })
  const requests = [1, 2, 3].map((seed) =>
    createRequest(userOf(telegram.account), createFile(100 * KiB, { seed })),
  )

  await Promise.all(requests.map(gateway.finish))

  for (const { events } of requests)
    expect(events).toContainEqual({ phase: 'waiting', retryAfter: 1 })
  expect(telegram.counters.read().methods['messages.getDialogs']?.calls).toBe(2)
})

test.each([
  ['short, is told and sat out', 1],
  ['longer than a job lives, is the wait of the user and not of the bot', LONG],
])('a wait of the user who looks for a lost post: %s', async (_name, seconds) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const { account } = telegram
  const credentials = { ...userOf(account), botToken: account.botToken }
  telegram.faults.add({ method: 'bot:sendDocument', effect: { kind: 'drop-after' }, times: 1 })
  telegram.faults.add({ method: 'messages.getHistory', effect: flood(seconds), times: 1 })
  const transfer = createRequest(credentials, createFile(100 * KiB))

  const finished = gateway.finish(transfer)

  if (seconds === LONG) {
    await expect(finished).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: LONG })
    expect(gateway.waitFor(credentials, MiB)).toBe(0)
    expect(gateway.waitFor(credentials, 51 * MiB)).toBeGreaterThan(LONG - 60)
  } else {
    const messages = async () => (await telegram.messages(account.channelId)).map(({ id }) => id)
    expect([(await finished).messageId]).toEqual(await messages())
    expect(transfer.events).toContainEqual({ phase: 'waiting', retryAfter: 1 })
  }
})
