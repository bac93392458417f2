import type { Emulator } from 'telegram-emulator'
import { expect, test } from 'vitest'
import type { VerifyMode } from '../../src/core/model/verification.ts'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import type { Verification } from '../../src/core/ports/telegram.ts'
import { createVerification } from '../../src/core/transfers/verification.ts'
import { KiB, MiB } from '../../src/lib/units.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import {
  botOf,
  createFile,
  createJournal,
  createRequest,
  expectedHash,
  type GatewayOptions,
  startGateway,
  userOf,
} from './mtproto/setup.ts'

const PART = 512 * KiB
const BIG = 11 * MiB + 12_345

test('with full, a flipped byte is found wherever it is, and the file is sent again', async () => {
  const { telegram, post, messages } = await start()

  for (let round = 0; round < 10; round++) {
    const part = Math.floor(Math.random() * Math.ceil(BIG / PART))
    const at = Math.floor(Math.random() * PART)
    flip(telegram, 'upload.saveBigFilePart', { at, after: part })
    await post('full')
    telegram.faults.clear()
  }

  const digests = (await messages()).map(({ sha256 }) => sha256)
  expect(digests).toEqual(Array.from({ length: 10 }, () => expectedHash({ size: BIG })))
  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(20)
})

test.each([
  ['a block that is looked at is found', 3, 2],
  ['another block is not', 4, 1],
])('a flipped byte in %s', async (_, block, documents) => {
  // One part at a time: the calls come in the order of the parts.
  const { telegram, post } = await start({ gateway: { congestion: { start: 1, max: 1 } } })
  flip(telegram, 'upload.saveBigFilePart', { after: 2 * block })

  await post({ ...verificationOf('full'), blocks: () => [0, 3] })

  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(documents)
})

test('a file that is damaged twice is not posted', async () => {
  const { telegram, post, messages } = await start()
  flip(telegram, 'upload.saveBigFilePart', { times: 100 })

  await expect(post('full')).rejects.toMatchObject({
    code: 'TELEGRAM_REJECTED',
    message: 'Telegram has damaged the file',
  })

  expect(await messages()).toEqual([])
})

test('a sample reads a few megabytes back, and shows that it does so', async () => {
  const { telegram, post, request } = await start({ size: 40 * MiB })

  await post('sample')

  const { bytesOut = 0 } = telegram.counters.read().methods['upload.getFile'] ?? {}
  expect(bytesOut).toBe(6 * MiB)
  const shares = request().events.flatMap((event) =>
    event.phase === 'posting' && event.verified !== undefined ? [event.verified] : [],
  )
  expect(shares).toEqual([1, 2, 3, 4, 5, 6].map((block) => block / 6))
})

test.each([
  ['off', BIG],
  ['sample', 10 * MiB],
] as const)('with %s nothing of a file of %i bytes is read back', async (mode, size) => {
  const { telegram, post } = await start({ size })

  await post(mode)

  expect(telegram.counters.read().methods['upload.getFile']).toBeUndefined()
})

test('a document whose reference expires before it is read back is made anew', async () => {
  const { telegram, post, messages } = await start()
  telegram.faults.add({
    method: 'upload.getFile',
    effect: { kind: 'error', code: 400, message: 'FILE_REFERENCE_EXPIRED' },
    times: 1,
  })

  await post('sample')

  expect(await messages()).toMatchObject([{ sha256: expectedHash({ size: BIG }) }])
  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(2)
})

test('a document that was tried to be posted before is not read back again', async () => {
  const { telegram, post, messages } = await start()
  const journal = createJournal()
  telegram.faults.add({
    method: 'messages.sendMedia',
    effect: { kind: 'error', code: 403, message: 'CHAT_WRITE_FORBIDDEN' },
    times: 1,
  })
  await expect(post('sample', journal)).rejects.toMatchObject({ code: 'TELEGRAM_FORBIDDEN' })
  const { calls } = telegram.counters.read().methods['upload.getFile'] ?? {}

  await post('sample', createJournal(journal))

  expect(telegram.counters.read().methods['upload.getFile']?.calls).toBe(calls)
  expect(await messages()).toHaveLength(1)
})

const botAlone = (credentials: Credentials): Credentials => ({
  ...credentials,
  session: null,
  apiId: null,
  apiHash: null,
})

test.each([
  ['a bot alone', botAlone],
  ['a bot and a user', (credentials: Credentials) => credentials],
])('what %s has sent is read back, and a damaged post is deleted', async (_, credentialsOf) => {
  const { telegram, post, messages } = await start({ byBot: true, credentialsOf })
  flip(telegram, 'bot:sendDocument', { at: 5 })

  const { messageId } = await post('sample')

  expect(await messages()).toMatchObject([{ id: messageId, sha256: expectedHash({ size: BIG }) }])
  expect(telegram.counters.read().methods['bot:sendDocument']?.calls).toBe(2)
})

test('of a file that a bot sends and that is damaged twice nothing stays', async () => {
  const { telegram, post, messages } = await start({ byBot: true, credentialsOf: botAlone })
  flip(telegram, 'bot:sendDocument', { times: 100 })

  await expect(post('full')).rejects.toThrow('Telegram has damaged the file')

  expect(await messages()).toEqual([])
})

test('a file that a bot has sent is not sent again while it cannot be read back', async () => {
  const { telegram, post, messages } = await start({
    byBot: true,
    credentialsOf: botAlone,
    gateway: { circuit: { failures: 100 } },
  })
  const journal = createJournal()
  const shut = telegram.faults.add({
    method: 'bot:getFile',
    effect: { kind: 'error', code: 500, message: 'Internal Server Error' },
  })

  await expect(post('sample', journal)).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
  telegram.faults.remove(shut)
  const { messageId } = await post('sample', journal)

  expect(await messages()).toMatchObject([{ id: messageId }])
  expect(telegram.counters.read().methods['bot:sendDocument']?.calls).toBe(1)
})

test('a file that a bot alone cannot read back counts as posted', async () => {
  const size = 21 * MiB
  const { telegram, post } = await start({ size, byBot: true, credentialsOf: botAlone })

  await post('full')

  expect(telegram.counters.read().methods['bot:getFile']).toBeUndefined()
})

interface StartOptions {
  size?: number
  /** Whether a bot is there, which takes the Bot API. */
  byBot?: boolean
  credentialsOf?: (credentials: Credentials) => Credentials
  gateway?: GatewayOptions
}

async function start({ size = BIG, byBot = false, ...options }: StartOptions = {}) {
  const { credentialsOf = (credentials: Credentials) => credentials } = options
  const telegram = await startTelegram()
  const { account } = telegram
  const { gateway } = startGateway(telegram, options.gateway)
  const user = userOf(account)
  const credentials = credentialsOf(byBot ? { ...user, botToken: botOf(account).botToken } : user)
  const last: { request?: ReturnType<typeof createRequest> } = {}

  return {
    telegram,
    messages: () => telegram.messages(account.channelId),
    /** The last one. */
    request: () => {
      if (!last.request) throw new Error('nothing was posted')
      return last.request
    },
    post: (verify: VerifyMode | Verification, journal = createJournal()) => {
      const verification = typeof verify === 'string' ? verificationOf(verify, size) : verify
      last.request = createRequest(credentials, createFile(size), { journal, verification })
      return gateway.finish(last.request)
    },
  }
}

function verificationOf(mode: VerifyMode, size = BIG): Verification {
  return createVerification({ uploadId: 'a', size }, mode, createRecordingLog())
}

/** Damages one call, or so many, after those that pass. */
function flip(
  telegram: Emulator,
  method: string,
  { at = 0, after = 0, times = 1 }: { at?: number; after?: number; times?: number },
): void {
  telegram.faults.add({ method, effect: { kind: 'flip-byte', at }, after, times })
}
