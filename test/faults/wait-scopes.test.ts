import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { loadAccountWaits } from '../../src/telegram/account-waits.ts'
import { createWaitStore } from '../../src/telegram/wait-store.ts'
import { newUploadId, uploadFile } from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'
import {
  createFile,
  createRequest,
  secretsIn,
  startGateway,
  userOf,
} from '../telegram/mtproto/setup.ts'

const LONG = 25_000
const signal = new AbortController().signal
const flood = (seconds: number) =>
  ({ kind: 'error', code: 420, message: `FLOOD_WAIT_${seconds}` }) as const

test('a download goes on while posts have to wait', async () => {
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

test('a post goes on while downloads have to wait', async () => {
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

test('uploads that share the search for a channel all show that Telegram makes it wait', async () => {
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
  ['is shown and waited out when it is short', 1],
  [
    'is counted for the user account and not for the bot when it is longer than a job may last',
    LONG,
  ],
])('the wait of the user account that searches for a lost post %s', async (_name, seconds) => {
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

test('a long wait is known after a restart, before any request to Telegram', async () => {
  const telegram = await startTelegram()
  const ann = userOf(telegram.account)
  const secrets = new Map<string, Buffer>()
  const before = startGateway(telegram, { secrets }).gateway
  telegram.faults.add({ method: 'messages.sendMedia', effect: flood(LONG), times: 1 })
  await expect(before.finish(createRequest(ann, createFile(MiB)))).rejects.toThrow()
  await before.close()

  const store = createWaitStore(secretsIn(secrets))
  const waits = await loadAccountWaits({ store, now: Date.now })
  const after = startGateway(telegram, { secrets, waits }).gateway

  expect(after.waitFor(ann, MiB)).toBeGreaterThan(LONG - 60)
  expect(after.waits()).toEqual([after.waitFor(ann, MiB)])
})

test('a body without an announced length is refused before its bytes, and no answer reveals that an id is taken', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  addUser('bob', telegram.createAccount({ label: 'bob' }))
  const bobs = newUploadId()
  await fetch(`${url}/init-upload`, json({ uploadId: bobs, authToken: 'bob' }))
  telegram.faults.add({ method: 'messages.sendMedia', effect: flood(LONG), times: 1 })
  await expect(uploadFile(url, 'a.bin', randomBytes(1000), { token: 'ann' })).rejects.toThrow(
    'to wait for',
  )

  const ways = {
    unmeasured: postHead(`${url}/upload`, 'file', {}),
    taken: postHead(`${url}/upload-chunk`, 'chunk', { ...FILE, uploadId: bobs }),
    free: postHead(`${url}/upload-chunk`, 'chunk', { ...FILE, uploadId: newUploadId() }),
  }

  for (const [way, answer] of Object.entries(ways)) {
    expect(await answer, way).toMatchObject({ status: 503, body: { code: 'TELEGRAM_FLOOD_WAIT' } })
  }
})

const FILE = { chunkIndex: '0', totalChunks: '1', fileName: 'a.bin', fileSize: '1000' }

function json(fields: object): RequestInit {
  const body = JSON.stringify({ fileName: 'a.bin', totalChunks: 1, fileSize: 1000, ...fields })
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body }
}

/** Sends a form up to the first byte of its file, and no more until the answer is there. */
async function postHead(url: string, fileField: string, fields: Record<string, string>) {
  const head = (name: string): string => `--x\r\nContent-Disposition: form-data; name="${name}"`
  const texts = Object.entries(fields).map(([name, value]) => `${head(name)}\r\n\r\n${value}\r\n`)
  const headers = {
    authorization: 'Bearer ann',
    'content-type': 'multipart/form-data; boundary=x',
    'transfer-encoding': 'chunked',
  }
  const call = request(url, { method: 'POST', headers })
  call.write(`${texts.join('')}${head(fileField)}; filename="a"\r\n\r\nx`)
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  const body = JSON.parse(await text(answer)) as unknown
  call.destroy()
  return { status: answer.statusCode, body }
}
