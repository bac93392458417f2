import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { decodeCaption } from '../../src/core/model/caption.ts'
import { MiB } from '../../src/lib/units.ts'
import {
  completeAndPoll,
  downloadUrl,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'

const sizes = [
  ['1 byte', 1],
  ['5 MB', 5 * MiB],
  ['5 MB + 1', 5 * MiB + 1],
  ['10 MB', 10 * MiB],
  ['10 MB + 1', 10 * MiB + 1],
] as const

test.each([...sizes, ['50 MB', 50 * MiB] as const, ['50 MB + 1', 50 * MiB + 1] as const])(
  'a user with a bot: %s there and back',
  async (name, size) => {
    const { url, telegram, backend } = await startTeleStore()
    const bytes = randomBytes(size)

    const end = await uploadFile(url, `${name} фильм.mp4`, bytes, { token: 'main', parallel: 4 })

    const [message] = await telegram.messages(telegram.account.channelId)
    expect(message).toMatchObject({
      id: end.messageId,
      fileName: `${name} фильм.mp4`,
      mimeType: 'video/mp4',
      size,
      sha256: sha256(bytes),
    })
    expect(decodeCaption(message?.caption ?? '', null)).toMatchObject({
      sha256: sha256(bytes),
      crc32: crc32(bytes).toString(16).padStart(8, '0'),
    })
    expect(await download(url, end.messageId, 'link-main')).toBe(sha256(bytes))
    const { methods } = telegram.counters.read()
    expect('messages.sendMedia' in methods).toBe(size > 50 * MiB)
    await vi.waitFor(() => expect(backend.webhooks).toHaveLength(1))
    expect(backend.webhooks[0]).toMatchObject({
      userId: 'main',
      fileName: `${name} фильм.mp4`,
      messageId: end.messageId,
      fileId: end.fileId,
      size,
      mimeType: 'video/mp4',
      sha256: sha256(bytes),
    })
  },
)

test.each(sizes)('a user without a bot: %s there and back', async (_name, size) => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  const bytes = randomBytes(size)

  const end = await uploadFile(url, 'a.bin', bytes, { token: 'ann', filePart: 'last' })

  expect(await download(url, end.messageId, 'link-ann')).toBe(sha256(bytes))
})

test('a bot without a user account: small and large files, there and back', async () => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('bob', telegram.createAccount({ label: 'bob', withUser: false }))

  for (const size of [3 * MiB, 51 * MiB]) {
    const bytes = randomBytes(size)
    const end = await uploadFile(url, 'b.bin', bytes, { token: 'bob', parallel: 4 })
    expect(await download(url, end.messageId, 'bob')).toBe(sha256(bytes))
  }
})

test('300 MB arrive by eight chunks at once, out of order', async () => {
  const { url, telegram } = await startTeleStore()
  const bytes = randomBytes(300 * MiB)
  const order = Array.from({ length: 60 }, (_, i) => (i * 7) % 60)

  const { uploadId } = await sendChunks(url, 'c.bin', bytes, {
    token: 'main',
    parallel: 8,
    order,
  })
  const polls = await completeAndPoll(url, uploadId)

  const percents = polls.map((poll) => poll.progress)
  expect(polls.at(-1)?.error).toBeNull()
  expect(percents).toEqual([...percents].sort((a, b) => a - b))
  expect(await download(url, polls.at(-1)?.messageId ?? null, 'main')).toBe(sha256(bytes))
  expect(telegram.counters.read()).toMatchObject({ repeatedParts: [], keysKilled: 0 })
})

test('two interleaved uploads arrive whole, and a range of one can be read', async () => {
  const { url } = await startTeleStore()
  const files = [randomBytes(12 * MiB + 3), randomBytes(12 * MiB + 5)]

  const ends = await Promise.all(
    files.map((bytes, i) => uploadFile(url, `d${i}.bin`, bytes, { token: 'main', parallel: 3 })),
  )

  for (const [i, bytes] of files.entries()) {
    const link = downloadUrl(url, ends[i]?.messageId ?? null, 'main')
    const headers = { range: `bytes=${MiB - 3}-${9 * MiB + 2}` }
    const part = Buffer.from(await (await fetch(link, { headers })).arrayBuffer())
    expect(part.equals(bytes.subarray(MiB - 3, 9 * MiB + 3))).toBe(true)
  }
})

test("a channel on the third page of the user's archive is found", async () => {
  const { url, telegram, addUser } = await startTeleStore()
  const hidden = {
    label: 'eve',
    withBot: false,
    channelPosition: { dialogsBefore: 230, archived: true },
  }
  addUser('eve', telegram.createAccount(hidden))
  const bytes = randomBytes(MiB)

  const end = await uploadFile(url, 'e.bin', bytes, { token: 'eve' })

  expect(await download(url, end.messageId, 'link-eve')).toBe(sha256(bytes))
})

test.each([
  [
    'neither bot nor user',
    { bot_token: null, telegram_session: null },
    'Connect Telegram in settings',
  ],
  [
    'a session that is none',
    { bot_token: null, telegram_session: 'this-is-no-session' },
    'Telegram session not authorized',
  ],
  [
    'an unknown channel',
    { bot_token: null, channel_id: '-1001234567891' },
    'Could not resolve channel ID',
  ],
])('%s fails with the sentence of the contract', async (_name, changes, reason) => {
  const { url, telegram, addUser } = await startTeleStore()
  addUser('fay', telegram.createAccount({ label: 'fay' }), changes)
  const { uploadId } = await sendChunks(url, 'f.bin', randomBytes(100), { token: 'fay' })

  const end = (await completeAndPoll(url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'failed', error: `Upload failed: ${reason}`, reason })
})

test.each([
  ['by the Bot API', 'main'],
  ['by MTProto', 'ann'],
])('file names of every kind arrive %s', async (_road, token) => {
  const { url, telegram, addUser } = await startTeleStore()
  const ann = telegram.createAccount({ label: 'ann', withBot: false })
  addUser('ann', ann)
  const names = [
    `it's "quoted" 100%41.txt`,
    '🎬 фильм 映画.mp4',
    `${'n'.repeat(296)}.txt`,
    'a/b\\c\r\nd',
  ]

  for (const name of names) await uploadFile(url, name, randomBytes(10), { token })

  const { channelId } = token === 'ann' ? ann : telegram.account
  const arrived = (await telegram.messages(channelId)).map((message) => message.fileName)
  expect(arrived).toEqual([...names.slice(0, 3), 'a_b_c__d'])
})

async function download(url: string, messageId: number | null, token: string): Promise<string> {
  const response = await fetch(downloadUrl(url, messageId, token))
  if (!response.ok) throw new Error(`download: ${response.status} ${await response.text()}`)
  const digest = sha256(new Uint8Array(await response.arrayBuffer()))
  const said = Buffer.from(digest, 'hex').toString('base64')
  expect(response.headers.get('repr-digest')).toBe(`sha-256=:${said}:`)
  return digest
}
