import { expect, test } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createJournal, expectedHash } from '../../telegram/mtproto/setup.ts'
import {
  BIG,
  findFlippedBytes,
  flip,
  startVerifying,
  verificationOf,
} from '../../telegram/verify-setup.ts'

test('with full, a flipped byte is found wherever it is, and the file is sent again', async () => {
  await findFlippedBytes(2)
})

test.each([
  ['a block that is looked at is found', 3, 2],
  ['another block is not', 4, 1],
])('a flipped byte in %s', async (_, block, documents) => {
  // One part at a time: the calls come in the order of the parts.
  const { telegram, post } = await startVerifying({ gateway: { congestion: { start: 1, max: 1 } } })
  flip(telegram, 'upload.saveBigFilePart', { after: 2 * block })

  await post({ ...verificationOf('full'), blocks: () => [0, 3] })

  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(documents)
})

test('a file that is damaged twice is not posted', async () => {
  const { telegram, post, messages } = await startVerifying()
  flip(telegram, 'upload.saveBigFilePart', { times: 100 })

  await expect(post('full')).rejects.toMatchObject({
    code: 'TELEGRAM_REJECTED',
    message: 'Telegram has damaged the file',
  })

  expect(await messages()).toEqual([])
})

test('a sample reads a few megabytes back, and shows that it does so', async () => {
  const { telegram, post, request } = await startVerifying({ size: 40 * MiB })

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
  const { telegram, post } = await startVerifying({ size })

  await post(mode)

  expect(telegram.counters.read().methods['upload.getFile']).toBeUndefined()
})

test('a document whose reference expires before it is read back is made anew', async () => {
  const { telegram, post, messages } = await startVerifying()
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
  const { telegram, post, messages } = await startVerifying()
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
  const { telegram, post, messages } = await startVerifying({ byBot: true, credentialsOf })
  flip(telegram, 'bot:sendDocument', { at: 5 })

  const { messageId } = await post('sample')

  expect(await messages()).toMatchObject([{ id: messageId, sha256: expectedHash({ size: BIG }) }])
  expect(telegram.counters.read().methods['bot:sendDocument']?.calls).toBe(2)
})

test('of a file that a bot sends and that is damaged twice nothing stays', async () => {
  const { telegram, post, messages } = await startVerifying({
    byBot: true,
    credentialsOf: botAlone,
  })
  flip(telegram, 'bot:sendDocument', { times: 100 })

  await expect(post('full')).rejects.toThrow('Telegram has damaged the file')

  expect(await messages()).toEqual([])
})

test('a file that a bot has sent is not sent again while it cannot be read back', async () => {
  const { telegram, post, messages } = await startVerifying({
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
  const { telegram, post } = await startVerifying({ size, byBot: true, credentialsOf: botAlone })

  await post('full')

  expect(telegram.counters.read().methods['bot:getFile']).toBeUndefined()
})
