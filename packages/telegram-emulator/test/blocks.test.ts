import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test } from 'vitest'
import { type Emulator, startTelegram as startEmulator } from '../src/emulator.ts'
import { MiB } from '../src/lib/units.ts'
import { listMessages } from '../src/message-list.ts'
import { type Caller, createCaller } from './helpers/caller.ts'
import {
  channelPeer,
  newFileId,
  PART,
  post,
  toLocation,
  upload,
  uploadedMedia,
} from './helpers/posting.ts'
import { makeSharedKey, startTelegram } from './helpers/telegram.ts'
import { makeTempDir } from './helpers/temp-dir.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('bytes that come again take no room, and what is read is what was sent', async () => {
  const { caller, blocks } = await createBlocks()
  const [first, second] = [randomBytes(PART), randomBytes(PART)]
  const order = [first, second, first, first, ...Array<Buffer>(18).fill(second)]
  const bytes = Buffer.concat([...order, randomBytes(1000)])

  const { document } = await post(caller, bytes)
  await post(caller, bytes.subarray(0, 3 * PART))

  expect(await blocks()).toHaveLength(3)
  const listed = await listMessages(caller.telegram, caller.account.channelId)
  expect(listed.map((file) => file.sha256)).toEqual([
    sha256(bytes),
    sha256(bytes.subarray(0, 3 * PART)),
  ])
  for (const offset of [0, MiB, 10 * MiB, 11 * MiB]) {
    const answer = await caller.user.invoke('upload.getFile', {
      location: toLocation(document),
      offset: BigInt(offset),
      limit: MiB,
    })
    expect(Buffer.from(answer.bytes as Uint8Array)).toEqual(bytes.subarray(offset, offset + MiB))
  }
})

test('a part that is replaced, lost or too old leaves no block; those of a document stay', async () => {
  const { caller, blocks } = await createBlocks({ partsTtlMs: 60_000 })
  const { parts, store } = caller.telegram
  const save = (file: string, bytes: Uint8Array): Promise<boolean> =>
    parts.save(1, file, { part: 0, total: null, bytes, maxParts: 4000 })
  const [one, other, third] = [randomBytes(PART), randomBytes(PART), randomBytes(PART)]

  await save('1', one)
  await save('1', other)
  expect(await blocks()).toEqual([sha256(other)])

  const claim = { fileId: '1', parts: 1, big: false, md5: '' }
  await parts.toDocument(1, claim, {
    ...{ fileName: 'a', mimeType: 'b', kind: 'document', attributes: [], thumb: null },
  })
  await save('2', third)
  expect(await blocks()).toHaveLength(2)
  expect(await parts.lose('2', [0])).toBe(1)
  expect(await blocks()).toEqual([sha256(other)])

  await save('2', third)
  for (const found of ['1', '2'].map((file) => store.uploads.find(1, file)))
    if (found) store.uploads.save({ ...found, touchedAt: 0 })
  await parts.sweep()
  expect(await blocks()).toEqual([sha256(other)])
})

test('a sum of a small file that is wrong is refused, and its parts stay', async () => {
  const { caller } = await createBlocks()
  const peer = await channelPeer(caller, caller.user)
  const bytes = randomBytes(PART + 7)
  const sent = await upload(caller.user, bytes)
  const send = (md5: string) =>
    caller.user.call('messages.sendMedia', {
      ...{ peer, message: '', random_id: newFileId(), media: uploadedMedia(sent, md5) },
    })

  expect(await send('0'.repeat(32))).toMatchObject({ message: 'MD5_CHECKSUM_INVALID' })
  const right = createHash('md5').update(bytes).digest('hex')
  expect(await send(right)).toMatchObject({ kind: 'result' })
})

test('a folder of blocks stays one, and one of files stays so', async () => {
  const [dataDir, other] = [await makeTempDir(), await makeTempDir()]
  const bytes = randomBytes(3 * MiB)
  for (const [folder, deduplicate] of [
    [dataDir, true],
    [other, false],
  ] as const) {
    const first = await startIn(folder, deduplicate)
    await sendByBot(first.botApi.root, first.account, bytes)
    await first.close()
    const second = await startIn(folder, !deduplicate)
    await sendByBot(second.botApi.root, second.account, bytes)

    const [file] = await second.messages(second.account.channelId)
    expect(file?.sha256).toBe(sha256(bytes))
    expect(await readdir(join(folder, 'blocks'))).toHaveLength(deduplicate ? 6 : 0)
    await second.close()
  }
})

test('a bot downloads ranges of blocks, and with --local the path of a whole file', async () => {
  const telegram = await startTelegram({ deduplicate: true })
  const { account, botApi } = telegram
  const bytes = randomBytes(2 * MiB + 5)
  const fileId = await sendByBot(botApi.root, account, bytes)
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const pathOf = async (): Promise<string> =>
    (await api.getFile({ file_id: fileId })).file_path ?? ''

  const url = `${botApi.root}/file/bot${account.botToken}/${await pathOf()}`
  const part = await fetch(url, { headers: { range: `bytes=${PART - 3}-${PART + 9}` } })
  expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(PART - 3, PART + 10))
  expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes)).toBe(true)

  telegram.settings.change({ botApiLocal: true })
  expect((await readFile(await pathOf())).equals(bytes)).toBe(true)
})

async function createBlocks(
  settings: Parameters<typeof createCaller>[0] = {},
): Promise<{ caller: Caller; blocks: () => Promise<string[]> }> {
  const dataDir = await makeTempDir()
  const caller = await createCaller(settings, { dataDir, deduplicate: true })
  return { caller, blocks: async () => (await readdir(join(dataDir, 'blocks'))).sort() }
}

const startIn = (dataDir: string, deduplicate: boolean): Promise<Emulator> =>
  startEmulator({ dataDir, deduplicate, makeKey: makeSharedKey })

async function sendByBot(
  root: string,
  account: { botToken: string | null; channelId: string },
  bytes: Uint8Array,
): Promise<string> {
  const api = new Api(account.botToken ?? '', { apiRoot: root, maxRetries: 0 })
  const document = new InputFile(bytes, { filename: 'a.bin' })
  const { document: sent } = await api.sendDocument({ chat_id: account.channelId, document })
  return sent?.file_id ?? ''
}
