import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Emulator, startTelegram } from '../src/emulator.ts'
import { openStore } from '../src/store/store.ts'
import { makeSharedKey } from './helpers/telegram.ts'
import { makeTempDir } from './helpers/temp-dir.ts'

test('the same folder brings back keys, accounts, sessions, ports, files and messages', async () => {
  const dataDir = await makeTempDir()
  const first = await start(dataDir)
  const { mtproto, botApi, control, account, addresses } = first
  const before = await post(first, randomBytes(1000))
  const listed = await first.messages(account.channelId)
  await first.close()

  const second = await start(dataDir)
  const after = await new Api(account.botToken ?? '', { apiRoot: second.botApi.root }).getFile({
    file_id: before,
  })
  const posted = await post(second, randomBytes(10))

  expect(second).toMatchObject({ mtproto, botApi, control, account, addresses })
  expect(after.file_size).toBe(1000)
  expect(posted).not.toBe(before)
  const now = await second.messages(account.channelId)
  expect(now.slice(0, 1)).toEqual(listed)
  expect(now.map(({ id }) => id)).toEqual([2, 3])
  await second.close()
})

test('the updates of a bot are numbered on', async () => {
  const dataDir = await makeTempDir()
  const numberAfter = async (offset: number): Promise<number> => {
    const telegram = await start(dataDir)
    const { account, botApi } = telegram
    const poster = telegram.createAccount({ label: 'poster' })
    const accountId = poster.botId ?? 0
    telegram.faults.setRole({ channelId: account.channelId, accountId, role: 'admin' })
    const post = { chat_id: account.channelId, text: 'words' }
    await new Api(poster.botToken ?? '', { apiRoot: botApi.root }).sendMessage(post)
    const reader = new Api(account.botToken ?? '', { apiRoot: botApi.root })
    const updates = await reader.getUpdates({ offset })
    await telegram.close()
    return updates[0]?.update_id ?? 0
  }

  const first = await numberAfter(0)
  const second = await numberAfter(first + 1)

  expect(second).toBeGreaterThan(first)
})

test('a port that was taken meanwhile is replaced, in the session too', async () => {
  const dataDir = await makeTempDir()
  const first = await start(dataDir)
  await first.close()
  const squatter = createServer().listen(first.mtproto.port, '127.0.0.1')

  const second = await start(dataDir)

  expect(second.mtproto.port).not.toBe(first.mtproto.port)
  expect(second.mtproto.port).toBeLessThan(32_768)
  expect(second.account.session).not.toBe(first.account.session)
  expect(second.account.authKeyId).toBe(first.account.authKeyId)
  await second.close()
  squatter.close()
})

test('files of an older folder without details are still there', async () => {
  const dataDir = await makeTempDir()
  const first = await start(dataDir)
  const fileId = await post(first, randomBytes(1000))
  const listed = await first.messages(first.account.channelId)
  await first.close()
  const sqlite = new DatabaseSync(join(dataDir, 'telegram.sqlite'))
  sqlite.exec('DROP TABLE document_details; DROP TABLE message_details; DROP TABLE changes')
  sqlite.close()

  const second = await start(dataDir)

  expect(await second.messages(second.account.channelId)).toEqual(listed)
  const api = new Api(second.account.botToken ?? '', { apiRoot: second.botApi.root })
  expect((await api.getFile({ file_id: fileId })).file_size).toBe(1000)
  await second.close()
})

test('without a folder of its own, everything is in a temporary one, which is removed at the end', async () => {
  const folder = await makeTempDir()
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => void vi.unstubAllEnvs())

  const telegram = await startTelegram({ makeKey: makeSharedKey })
  await post(telegram, randomBytes(10))
  const during = await readdir(folder)
  await Promise.all([telegram.close(), telegram.close()])

  expect(during).toEqual([expect.stringMatching(/^telegram-emulator-/)])
  expect(await readdir(folder)).toEqual([])
})

test('the log of changes is known after a restart', async () => {
  const options = {
    folder: await makeTempDir(),
    referenceTtlMs: () => 0,
    changeLogLength: () => 10,
    makeKey: makeSharedKey,
  }
  const first = openStore(options)
  const channel = first.channels.create({ title: 'files', creatorId: 1, createdAt: 0 })
  const draft = { channelId: channel.id, date: 0, fromId: 1, documentId: null, details: {} }
  const { message } = first.messages.append({ ...draft, text: 'words' }, null)
  first.messages.delete(channel.id, [message.id])
  const logged = first.changes.since(channel.id, 1, 10)
  first.close()

  const second = openStore(options)

  expect(logged).toMatchObject([
    { kind: 'new', messageIds: [1], pts: 2 },
    { kind: 'new', messageIds: [2], pts: 3 },
    { kind: 'delete', messageIds: [2], pts: 4, ptsCount: 1 },
  ])
  expect(second.changes.since(channel.id, 1, 10)).toEqual(logged)
  second.close()
})

test('the layer and initConnection of a key are known after a restart', async () => {
  const options = {
    folder: await makeTempDir(),
    referenceTtlMs: () => 0,
    changeLogLength: () => 10,
    makeKey: makeSharedKey,
  }
  const first = openStore(options)
  const key = first.keys.create(2)
  first.keys.save({ ...key, layer: 181 })
  first.keys.setIntroduced(key.id, true)
  first.close()

  const second = openStore(options)

  expect(second.keys.find(key.id)?.layer).toBe(181)
  expect(second.keys.isIntroduced(key.id)).toBe(true)
  second.close()
})

function start(dataDir: string): Promise<Emulator> {
  return startTelegram({ dataDir, makeKey: makeSharedKey })
}

async function post(telegram: Emulator, content: Uint8Array): Promise<string> {
  const { account, botApi } = telegram
  const message = await new Api(account.botToken ?? '', { apiRoot: botApi.root }).sendDocument({
    chat_id: account.channelId,
    document: new InputFile(content, { filename: 'a.bin' }),
  })
  return message.document?.file_id ?? ''
}
