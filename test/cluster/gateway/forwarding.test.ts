import { expect, test, vi } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createMemoryNodes } from '../../helpers/peers/memory-nodes.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import {
  CAPTION,
  createFile,
  createJournal,
  createRequest,
  expectedHash,
  hashOf,
  userOf,
} from '../../telegram/mtproto/setup.ts'
import { createNotes, startNode } from './setup.ts'

const { signal } = new AbortController()
const COPY = CAPTION.replace('id=00', 'id=ff')

test('a file is found and read at a node that does not have its account', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  const file = createFile(12 * MiB, { seed: 3 })
  const { messageId } = await holder.gateway.finish(createRequest(credentials, file))

  const found = await other.gateway.locate(credentials, messageId, signal)
  const all = await other.gateway.locateAll(credentials, [messageId, 999], signal)

  expect({ ...found, locator: null }).toEqual({
    ...(await holder.gateway.locate(credentials, messageId, signal)),
    locator: null,
  })
  expect([...all.keys()]).toEqual([messageId])
  expect(JSON.parse(JSON.stringify(found.locator))).toMatchObject({ messageId })
  expect(await hashOf(other.gateway, found)).toBe(expectedHash(file, 3))
  expect(await other.gateway.readThumbnail(found, signal)).toBeNull()
  const counters = telegram.counters.read()
  expect(counters.keysKilled).toBe(0)
  expect(Object.values(counters.mainConnectionsPeak)).toEqual([1])
})

test('a document that was located through a holder is read on when that one is gone', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  const file = createFile(2 * MiB, { seed: 4 })
  const { messageId } = await holder.gateway.finish(createRequest(credentials, file))
  const found = await other.gateway.locate(credentials, messageId, signal)
  await other.gateway.readBlock(found, { offset: 0, length: MiB }, signal)

  nodes.dead.add('holder')
  nodes.lose(holder.gateway.leaseOf(credentials) ?? '')

  expect(await hashOf(other.gateway, found)).toBe(expectedHash(file, 4))
  expect([...nodes.holders.values()]).toEqual(['other'])
  expect(telegram.counters.read().keysKilled).toBe(0)
})

test('a channel is read and changed at a node that does not have the account', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const { channel, gateway } = startNode(telegram, nodes, 'other')
  const { messageId } = await holder.gateway.finish(createRequest(credentials, createFile(1000)))
  const call = { credentials, signal, patience: 5 }

  const position = await channel.position(call)
  const page = await channel.page(call, position.before)
  await channel.edit(call, { messageId, text: `${CAPTION} n=a`, part: 'caption', postedBy: 'user' })
  const messages = await channel.messages(call, [messageId])
  const difference = await channel.difference(call, position.pts)

  expect(page.messages.map((message) => message.messageId)).toEqual([messageId])
  expect(messages).toMatchObject([{ messageId, text: `${CAPTION} n=a`, document: { size: 1000 } }])
  expect(difference).toMatchObject({ kind: 'changes', final: true })
  expect(await gateway.locate(credentials, messageId, signal)).toMatchObject({
    caption: `${CAPTION} n=a`,
  })
  expect(await channel.remove(call, [messageId], 'user')).toEqual({ refusedIds: [] })
  await expect(gateway.locate(credentials, messageId, signal)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
  })
})

test("a user's two accounts may be at two nodes: the one that may change a message does", async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const { account } = telegram
  const user = userOf(account)
  const both = { ...user, botToken: account.botToken }
  const ofUser = startNode(telegram, nodes, 'user')
  const ofBot = startNode(telegram, nodes, 'bot')
  const third = startNode(telegram, nodes, 'third')
  await ofUser.channel.position({ credentials: user, signal })
  await ofBot.channel.position({ credentials: { ...both, session: null }, signal })

  for (const { channel } of [third, ofUser, ofBot]) {
    const { messageId } = await channel.post(
      { credentials: both, signal },
      { text: `${CAPTION} n=${Math.random()}`, copyOf: null, journal: createNotes() },
    )
    const edit = { messageId, text: CAPTION, part: 'text', postedBy: 'bot' } as const
    await channel.edit({ credentials: both, signal }, edit)
    expect(await channel.remove({ credentials: both, signal }, [messageId], 'bot')).toEqual({
      refusedIds: [],
    })
  }
  expect(new Set(nodes.holders.values())).toEqual(new Set(['user', 'bot']))
})

test('a post through a holder is noted where it was begun, before each try', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  const { messageId } = await holder.gateway.finish(createRequest(credentials, createFile(1000)))
  const journal = createNotes()

  const posted = await other.channel.post(
    { credentials, signal },
    { text: COPY, copyOf: messageId, journal },
  )

  expect(journal.saved).toMatchObject([{ actor: 'user', attempts: 1 }])
  expect(nodes.asked).toContain('holder other telegram note')
  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([messageId, posted.messageId])
})

test('a post whose answer is lost with its holder is found at the next holder, and not made again', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  const { messageId } = await holder.gateway.finish(createRequest(credentials, createFile(1000)))
  const lease = holder.gateway.leaseOf(credentials) ?? ''
  const notes = createNotes()
  const journal = {
    ...notes,
    save: async (note: Parameters<typeof notes.save>[0]) => {
      await notes.save(note)
      // Telegram gets the post, and the holder is gone before it can say so.
      void vi
        .waitFor(async () =>
          expect(await telegram.messages(telegram.account.channelId)).toHaveLength(2),
        )
        .then(() => nodes.lose(lease))
      nodes.dead.add('holder')
    },
  }

  const posted = await other.channel.post(
    { credentials, signal },
    { text: COPY, copyOf: messageId, journal },
  )

  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([messageId, posted.messageId])
  expect(nodes.holders.get(lease)).toBe('other')
})

test('a small file is posted through a holder, and noted where it was begun', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  await holder.channel.position({ credentials, signal })
  const file = createFile(5_000, { seed: 6 })
  const request = createRequest(credentials, file)
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_1' } as const
  telegram.faults.add({ method: 'upload.saveFilePart', effect, times: 1 })

  const posted = await other.gateway.postSmall?.(request)

  const found = await other.gateway.locate(credentials, posted?.messageId ?? 0, signal)
  expect(found).toMatchObject({ caption: CAPTION, size: 5_000, fileName: file.name })
  expect(await hashOf(other.gateway, found)).toBe(expectedHash(file, 6))
  expect(await request.journal.load()).toMatchObject({ postAttempts: 1 })
  expect(request.events).toContainEqual({ phase: 'waiting', retryAfter: 1 })
  expect([...nodes.holders.values()]).toEqual(['holder'])
})

test('a small file whose answer is lost with its holder is posted once', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  await holder.channel.position({ credentials, signal })
  const lease = holder.gateway.leaseOf(credentials) ?? ''
  const memory = createJournal()
  const journal = {
    ...memory,
    save: async (state: Parameters<typeof memory.save>[0]) => {
      await memory.save(state)
      if (state.postAttempts === 0 || nodes.dead.size > 0) return
      void vi
        .waitFor(async () =>
          expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1),
        )
        .then(() => nodes.lose(lease))
      nodes.dead.add('holder')
    },
  }

  const request = createRequest(credentials, createFile(5_000), { journal, exactlyOnce: true })
  const posted = await other.gateway.postSmall?.(request)

  const messages = await telegram.messages(telegram.account.channelId)
  expect(messages.map(({ id }) => id)).toEqual([posted?.messageId])
  expect(nodes.holders.get(lease)).toBe('other')
})

test('a holder does not post what nobody can note', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  await holder.channel.position({ credentials, signal })
  const journal = {
    load: async () => null,
    save: async () => {
      throw new AppError('SPOOL_FAILED', 'no database')
    },
  }

  const post = { text: CAPTION, copyOf: null, journal }
  await expect(other.channel.post({ credentials, signal }, post)).rejects.toMatchObject({
    code: 'SPOOL_FAILED',
  })
  expect(await telegram.messages(telegram.account.channelId)).toEqual([])
})

test('a wait of Telegram at the holder is told where the call was made', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other')
  await holder.channel.position({ credentials, signal })
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_1' } as const
  telegram.faults.add({ method: 'channels.getMessages', effect, times: 1 })
  const waits: number[] = []

  await other.channel.messages({ credentials, signal, onWait: (wait) => waits.push(wait) }, [1])

  expect(waits).toEqual([1])
})

test('shared: the bytes come over connections of the node itself, and all else from the holder', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const holder = startNode(telegram, nodes, 'holder')
  const other = startNode(telegram, nodes, 'other', { reads: 'shared' })
  const file = createFile(12 * MiB, { seed: 5 })
  const { messageId } = await holder.gateway.finish(createRequest(credentials, file))
  const before = telegram.counters.read().connectionsOpened['2 media'] ?? 0

  const found = await other.gateway.locate(credentials, messageId, signal)
  expect(await hashOf(other.gateway, found)).toBe(expectedHash(file, 5))

  expect(nodes.asked).not.toContain('other holder block')
  const counters = telegram.counters.read()
  expect(counters.connectionsOpened['2 media']).toBeGreaterThan(before)
  expect(counters).toMatchObject({ keysKilled: 0, connectionsOpened: { 2: 1 } })
  expect([...nodes.holders.values()]).toEqual(['holder'])
})
