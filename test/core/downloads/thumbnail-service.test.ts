import { expect, test, vi } from 'vitest'
import { createThumbnailService } from '../../../src/core/downloads/thumbnail-service.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { createFakeChannel } from '../../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { testCredentials } from '../../helpers/worker/app.ts'

const { signal } = new AbortController()

/** Twenty files with thumbnails of a hundred bytes. */
async function start(maxBytes?: number) {
  const gateway = createFakeGateway()
  const ledger = createMemoryLedger()
  const ids = Array.from({ length: 20 }, (_, n) => n + 1)
  for (const messageId of ids) {
    const bytes = Buffer.from('whole')
    gateway.posted.push({ messageId, name: 'a.jpg', mimeType: 'image/jpeg', bytes })
    gateway.thumbnails.set(messageId, Buffer.alloc(100, messageId))
  }
  const addUser = (owner: string) =>
    ledger.applyToLibrary(
      { owner, channelId: '-1001' },
      { files: ids.map((id) => makeFile(id, { hasThumbnail: true })) },
    )
  await addUser('ann')
  const service = createThumbnailService({
    ...{ catalogue: ledger, credentials: testCredentials, channel: createFakeChannel(), gateway },
    workGate: createWorkGate(),
    ...(maxBytes !== undefined && { maxBytes }),
  })
  const show = async (messageId: number, leaving: AbortSignal = signal, token = 'token-ann') =>
    service.read(await service.find(token, messageId, leaving), leaving)
  return { gateway, show, ids, addUser }
}

test('thumbnails are kept within the bound of bytes, those that are read again longer', async () => {
  const { gateway, show } = await start(300)

  for (const id of [1, 2, 3, 1, 4, 1, 2]) await show(id)

  expect(gateway.thumbnailReads).toEqual([1, 2, 3, 4, 2])
})

test('a thumbnail that is larger than the bound is sent, and not kept', async () => {
  const { gateway, show } = await start(50)

  expect(await show(1)).toHaveLength(100)
  await show(1)

  expect(gateway.thumbnailReads).toEqual([1, 1])
})

test('four thumbnails of a user are read at a time, and one that no one waits for is not read', async () => {
  const { gateway, show, ids } = await start()
  const { promise: answered, resolve: answerNow } = Promise.withResolvers<void>()
  gateway.beforeThumbnail = () => answered
  const leaving = new AbortController()
  const waiting = ids.slice(0, 4).map((id) => show(id))
  await vi.waitFor(() => expect(gateway.thumbnailReads).toHaveLength(4))
  const left = ids.slice(4, 16).map((id) => show(id, leaving.signal).catch(() => 'left'))
  const later = show(20)

  leaving.abort()
  answerNow()

  expect(await Promise.all(left)).toEqual(Array(12).fill('left'))
  await Promise.all([...waiting, later])
  expect(gateway.thumbnailReads).toEqual([...ids.slice(0, 4), 20])
})

test('a user whose account waits holds up no other one', async () => {
  const { gateway, show, ids, addUser } = await start()
  await addUser('bob')
  const { promise: answered, resolve: answerNow } = Promise.withResolvers<void>()
  gateway.beforeThumbnail = (id) => (id < 20 ? answered : Promise.resolve())
  const waiting = ids.slice(0, 19).map((id) => show(id))
  await vi.waitFor(() => expect(gateway.thumbnailReads).toHaveLength(4))

  expect(await show(20, signal, 'token-bob')).toHaveLength(100)

  answerNow()
  await Promise.all(waiting)
})

test('what is kept is a copy, because the answer goes back to the gateway', async () => {
  const { show } = await start()

  await show(1)

  expect((await show(1)).every((byte) => byte === 1)).toBe(true)
})

test('a failure is not kept', async () => {
  const { gateway, show } = await start()
  gateway.beforeThumbnail = () => Promise.reject(new Error('broken'))
  await expect(show(1)).rejects.toThrow('broken')
  gateway.beforeThumbnail = async () => {}

  expect(await show(1)).toHaveLength(100)
})
