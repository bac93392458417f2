import { createHash, randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { TelegramClient } from '@mtcute/node'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { startChild } from '../helpers/child.ts'
import { connectMtcute, type Ready } from '../helpers/mtcute-client.ts'
import { startTelegram } from '../helpers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'

/** Above 10 MB a file is uploaded by big parts. */
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

test('mtcute does the same with an emulator that npm started in a process of its own', async () => {
  const ready = await startChild({
    command: 'npm',
    args: ['run', '--silent', 'start'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { DATA_DIR: await makeTempDir() },
  })
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
