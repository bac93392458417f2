import { expect, test } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import {
  botOf,
  CAPTION,
  createFile,
  createRequest,
  expectedHash,
  hashOf,
  startGateway,
  userOf,
} from './setup.ts'

const signal = new AbortController().signal

test.each([
  ['one byte', 1],
  ['one part', 512 * KiB],
  ['one part and a byte', 512 * KiB + 1],
  ['5 MB', 5 * MiB],
  ['10 MB, the last by small parts', 10 * MiB],
  ['10 MB and a byte, the first by big parts', 10 * MiB + 1],
  ['24 MB', 24 * MiB + 12_345],
])('a file of %s goes as the user and comes back equal', async (_name, size) => {
  const telegram = await startTelegram()
  const { gateway } = startGateway(telegram)
  const file = createFile(size, { name: 'Übung — файл 🎬.bin' })
  const request = createRequest(userOf(telegram.account), file)

  const posted = await gateway.finish(request)

  const document = await gateway.locate(request.credentials, posted.messageId, signal)
  expect(document).toMatchObject({ size, fileName: 'Übung — файл 🎬.bin' })
  expect(await hashOf(gateway, document)).toBe(expectedHash(file))
  expect(telegram.counters.read()).toMatchObject({ messagesPosted: 1, keysKilled: 0 })
  expect(telegram.counters.read().repeatedParts).toEqual([])
})

test.each([
  ['the user', userOf],
  ['the bot', botOf],
])('what %s posts has its caption, and is silent', async (_name, credentialsOf) => {
  const telegram = await startTelegram({ settings: { botApiUploadLimit: 1 } })
  const { gateway } = startGateway(telegram)
  const request = createRequest(credentialsOf(telegram.account), createFile(KiB))

  const { messageId } = await gateway.finish(request)

  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages).toMatchObject([{ id: messageId, caption: CAPTION, silent: true }])
})
