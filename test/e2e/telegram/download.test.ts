import type { Emulator } from 'telegram-emulator'
import { expect, test, vi } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../../../src/core/ports/telegram.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import type { RetryPolicy } from '../../../src/telegram/mtproto/connection/request-channel.ts'
import { startSharedTelegram, startTelegram } from '../../helpers/peers/telegram.ts'
import {
  createFile,
  createRequest,
  expectedHash,
  fillAt,
  hashOf,
  startGateway,
  userOf,
} from '../../telegram/mtproto/setup.ts'

const signal = new AbortController().signal
const SIZE = 9 * MiB + 777
const shared: { telegram: Emulator; messageId?: number } = { telegram: await startSharedTelegram() }

test.each([
  ['a whole block', 0, MiB],
  ['a small piece', 4 * KiB, 4 * KiB],
  ['a length that does not divide a block', 8 * KiB, 100 * KiB],
  ['the end of the file, asked for beyond it', 9 * MiB, MiB],
  ['its last unit', 9 * MiB, 4 * KiB],
])('%s is one request and the right bytes', async (_name, offset, length) => {
  const { telegram, gateway, document } = await readShared()

  const bytes = await gateway.readBlock(document, { offset, length }, signal)

  const expected = new Uint8Array(Math.min(length, SIZE - offset))
  fillAt(1, offset, expected)
  expect(Buffer.from(bytes).equals(expected)).toBe(true)
  expect(telegram.counters.read().methods['upload.getFile']?.calls).toBe(1)
})

test('nothing is asked for beyond the end', async () => {
  const { telegram, gateway, document } = await readShared()

  expect(await gateway.readBlock(document, { offset: 10 * MiB, length: MiB }, signal)).toHaveLength(
    0,
  )

  expect(telegram.counters.read().methods['upload.getFile']).toBeUndefined()
})

test('a document is looked up once for any number of readers', async () => {
  const { telegram, gateway, credentials, messageId } = await readShared()

  const found = await Promise.all(
    Array.from({ length: 10 }, () => gateway.locate(credentials, messageId, signal)),
  )

  expect(new Set(found.map(({ locator }) => locator)).size).toBe(1)
  expect(found[0]).toMatchObject({
    size: SIZE,
    fileName: 'file.bin',
    mimeType: 'application/octet-stream',
  })
  expect(Math.abs((found[0]?.modifiedAt ?? 0) - Date.now())).toBeLessThan(60_000)
  expect(telegram.counters.read().methods['channels.getMessages']?.calls).toBe(1)
})

test.each([0, -1, 1, 4242, 2 ** 40, 1.5])('message %s carries no file', async (messageId) => {
  const { gateway, credentials } = await readShared()

  await expect(gateway.locate(credentials, messageId, signal)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  })
})

test('an expired file reference is renewed once for eight readers', async () => {
  const { telegram, gateway, document } = await startWithFile()
  await gateway.readBlock(document, { offset: 0, length: 4 * KiB }, signal)
  telegram.faults.expireFileReferences()
  telegram.counters.reset()

  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      gateway.readBlock(document, { offset: index * MiB, length: MiB }, signal),
    ),
  )

  expect(telegram.counters.read().methods['channels.getMessages']?.calls).toBe(1)
})

test('a file in another data centre is followed there, with one authorization', async () => {
  const { telegram, gateway, document } = await startWithFile()
  telegram.faults.migrateDocuments(4)
  telegram.counters.reset()

  expect(await hashOf(gateway, document)).toBe(expectedHash({ size: SIZE }))
  expect(await hashOf(gateway, document)).toBe(expectedHash({ size: SIZE }))

  const counters = telegram.counters.read()
  expect(counters.authorizations).toMatchObject({ exported: 1, imported: 1 })
  expect(counters.methods['upload.getFile']?.errors).toEqual({ FILE_MIGRATE_4: 4 })
  expect(counters.keysKilled).toBe(0)
})

test('a key for another data centre that was revoked is made anew', async () => {
  const { telegram, gateway, document } = await startWithFile()
  telegram.faults.migrateDocuments(4)
  await gateway.readBlock(document, { offset: 0, length: 4 * KiB }, signal)
  const effect = { kind: 'error', code: 401, message: 'AUTH_KEY_UNREGISTERED' } as const
  telegram.faults.add({ method: 'upload.getFile', dcId: 4, effect, times: 1 })

  expect(await hashOf(gateway, document)).toBe(expectedHash({ size: SIZE }))

  expect(telegram.counters.read().authorizations.exported).toBe(2)
})

test.each([
  ['FLOOD_WAIT_1', { kind: 'error', code: 420, message: 'FLOOD_WAIT_1' }],
  ['-503 Timeout', { kind: 'error', code: -503, message: 'Timeout' }],
  ['a cut connection', { kind: 'drop' }],
  ['silence', { kind: 'silence' }],
] as const)('%s delays a block and does not spoil it', async (_name, effect) => {
  const { telegram, gateway, document } = await startWithFile({}, { answerMs: 500 })
  telegram.faults.add({ method: 'upload.getFile', effect, after: 2, times: 3 })

  expect(await hashOf(gateway, document)).toBe(expectedHash({ size: SIZE }))
})

test('a reader that leaves stops asking, and others go on', async () => {
  const { telegram, gateway, document } = await startWithFile()
  telegram.faults.add({ method: 'upload.getFile', effect: { kind: 'latency', ms: 1000 } })
  const calls = () => telegram.counters.read().methods['upload.getFile']?.calls ?? 0
  const leaver = new AbortController()
  const leaving = [0, 1, 2, 3].map((index) =>
    gateway.readBlock(document, { offset: index * MiB, length: MiB }, leaver.signal),
  )
  for (const read of leaving) read.catch(() => {})
  const staying = gateway.readBlock(document, { offset: 0, length: 4 * KiB }, signal)
  await vi.waitFor(() => expect(calls()).toBeGreaterThan(0), { interval: 5 })

  leaver.abort(new Error('left'))

  for (const read of leaving) await expect(read).rejects.toThrow('left')
  expect(await staying).toHaveLength(4 * KiB)
  expect(calls()).toBeLessThanOrEqual(5)
})

test('a CDN is followed: bytes are decrypted and checked', async () => {
  const { telegram, gateway, document } = await startWithFile({ serveByCdn: true })

  expect(await hashOf(gateway, document)).toBe(expectedHash({ size: SIZE }))

  const { methods } = telegram.counters.read()
  expect(methods['upload.getCdnFile']?.calls).toBeGreaterThan(9)
  expect(methods['upload.reuploadCdnFile']?.calls).toBeGreaterThanOrEqual(1)
})

test('a small piece of a file that a CDN serves', async () => {
  const { gateway, document } = await startWithFile({ serveByCdn: true })
  const [offset, length] = [MiB + 12 * KiB, 8 * KiB]

  const bytes = await gateway.readBlock(document, { offset, length }, signal)

  const expected = new Uint8Array(length)
  fillAt(1, offset, expected)
  expect(Buffer.from(bytes).equals(expected)).toBe(true)
})

test('credentials without a road to MTProto are refused with TELEGRAM_NOT_CONNECTED', async () => {
  const { gateway, credentials, messageId } = await readShared()
  const none = { ...credentials, session: null, botToken: null }

  await expect(gateway.locate(none, messageId, signal)).rejects.toMatchObject({
    code: 'TELEGRAM_NOT_CONNECTED',
  })
})

interface Started {
  telegram: Emulator
  gateway: TelegramGateway
  credentials: Credentials
  messageId: number
  document: RemoteDocument
}

/** A file that another gateway has posted, located by a fresh one. */
async function startWithFile(
  settings: Record<string, unknown> = {},
  retryPolicy: Partial<RetryPolicy> = {},
): Promise<Started> {
  const telegram = await startTelegram()
  const messageId = await postTo(telegram)
  telegram.settings.change(settings)
  return open(telegram, messageId, retryPolicy)
}

/** The same at a Telegram that others have read from: for what leaves nothing behind there. */
async function readShared(): Promise<Started> {
  shared.messageId ??= await postTo(shared.telegram)
  return open(shared.telegram, shared.messageId)
}

async function postTo(telegram: Emulator): Promise<number> {
  const writer = startGateway(telegram).gateway
  const request = createRequest(userOf(telegram.account), createFile(SIZE))
  const { messageId } = await writer.finish(request)
  await writer.close()
  return messageId
}

async function open(
  telegram: Emulator,
  messageId: number,
  retryPolicy: Partial<RetryPolicy> = {},
): Promise<Started> {
  const credentials = userOf(telegram.account)
  telegram.counters.reset()
  const { gateway } = startGateway(telegram, { retryPolicy })
  const document = await gateway.locate(credentials, messageId, signal)
  return { telegram, gateway, credentials, messageId, document }
}
