import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TelegramClient } from '@mtcute/node'
import { expect, onTestFinished, test } from 'vitest'
import { MiB } from '../../../../src/lib/units.ts'
import { startTelegram } from '../../../../test/helpers/peers/telegram.ts'
import { firstLine } from '../../../../test/telegram/mtproto/telegram-process.ts'
import { connectMtcute, type Ready } from '../helpers/mtcute-client.ts'

/** Above 10 MB, so that it goes by big parts. */
const FILE_BYTES = 11 * MiB

test('mtcute logs in as the bot, uploads 11 MB, finds the message and gets equal bytes', async () => {
  const telegram = await startTelegram()
  const client = await connectMtcute(telegram)

  const { id, sha256 } = await roundTrip(client, telegram)

  const listed = await telegram.messages(telegram.account.channelId)
  expect(listed).toMatchObject([{ id, sha256, size: FILE_BYTES, fileName: 'Прогулка.bin' }])
  expect(telegram.counters.read()).toMatchObject({
    authorizations: { bot: 1 },
    keysKilled: 0,
    repeatedParts: [],
  })
})

test('the same against `npm run emulator` in a process of its own', async () => {
  const { ready } = await runEmulator()
  const client = await connectMtcute(ready)

  const { id } = await roundTrip(client, ready)

  expect(id).toBe(2)
})

async function roundTrip(
  client: TelegramClient,
  { account }: Ready,
): Promise<{ id: number; sha256: string }> {
  const bytes = randomBytes(FILE_BYTES)
  await client.start({ botToken: account.botToken ?? '' })
  const file = await client.uploadFile({ file: bytes, fileName: 'Прогулка.bin' })
  const channelId = Number(account.channelId)
  const { id } = await client.sendMedia(channelId, { type: 'document', file })

  const [message] = await client.getMessages(channelId, id)
  if (message?.media?.type !== 'document') throw new Error('the message has no document')
  const downloaded = await client.downloadAsBuffer(message.media)

  expect(message.media.fileName).toBe('Прогулка.bin')
  expect(Buffer.compare(downloaded, bytes)).toBe(0)
  return { id, sha256: createHash('sha256').update(bytes).digest('hex') }
}

async function runEmulator(): Promise<{ ready: Ready }> {
  const folder = await mkdtemp(join(tmpdir(), 'telegram-'))
  const child = spawn('npm', ['run', '--silent', 'emulator'], {
    env: { ...process.env, DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await closed
    await rm(folder, { recursive: true, force: true })
  })
  return { ready: JSON.parse(await firstLine(child, closed)) }
}
