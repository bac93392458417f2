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
