import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type ApiClient, createCaller } from '../helpers/caller.ts'

const part = (client: ApiClient, fileId: bigint) =>
  client.call('upload.saveBigFilePart', {
    file_id: fileId,
    file_part: 0,
    file_total_parts: 21,
    bytes: randomBytes(512 * 1024),
  })

const DUPLICATED = { kind: 'error', code: 406, message: 'AUTH_KEY_DUPLICATED' }
const UNREGISTERED = { kind: 'error', code: 401, message: 'AUTH_KEY_UNREGISTERED' }

test('ordinary calls over two main connections kill the key, for good', async () => {
  const caller = await createCaller()
  const [first, second] = [caller.open(), caller.open()]
  expect(await first.call('updates.getState')).toMatchObject({ kind: 'result' })

  expect(await second.call('updates.getState')).toEqual(DUPLICATED)

  expect(await first.call('updates.getState')).toEqual(DUPLICATED)
  expect(await first.call('help.getConfig')).toEqual(DUPLICATED)
  expect(await caller.open().call('updates.getState')).toEqual(UNREGISTERED)
  expect(caller.telegram.counters.snapshot().keysKilled).toBe(1)
})

test('a killed key can be forgotten altogether', async () => {
  const caller = await createCaller({ duplicatedKey: 'forgotten' })
  const [first, second] = [caller.open(), caller.open()]
  await first.call('updates.getState')
  await second.call('updates.getState')

  expect(caller.handler.keyAlive?.(caller.account.authKeyId ?? '')).toBe(false)
})

test('uploads over two main connections kill the key', async () => {
  const caller = await createCaller()
  const [first, second] = [caller.open(), caller.open()]
  await part(first, 1n)

  expect(await part(second, 2n)).toEqual(DUPLICATED)
})

test('uploads over many media-only connections, beside a main one, do not', async () => {
  const caller = await createCaller()
  const media = Array.from({ length: 4 }, () => caller.open(undefined, { mediaOnly: true }))
  for (let round = 0; round < 3; round++) {
    await caller.user.invoke('updates.getState')
    for (const [index, client] of media.entries())
      expect(await part(client, BigInt(index))).toMatchObject({ kind: 'result' })
  }
})

test('one main connection for calls and one for uploads live together', async () => {
  const caller = await createCaller()
  const uploads = caller.open()
  for (let round = 0; round < 3; round++) {
    await uploads.invoke('help.getConfig')
    expect(await part(uploads, 1n)).toMatchObject({ kind: 'result' })
    expect(await caller.user.call('updates.getState')).toMatchObject({ kind: 'result' })
  }
})

test.each([
  ['closed first', true],
  ['silent from then on', false],
])('a connection may replace one that is %s', async (_name, closes) => {
  const caller = await createCaller()
  await caller.user.invoke('updates.getState')
  if (closes) caller.user.close()

  const next = caller.open()

  for (let round = 0; round < 3; round++)
    expect(await next.call('updates.getState')).toMatchObject({ kind: 'result' })
})

test('one connection after the other, far enough apart, is no parallel use', async () => {
  const caller = await createCaller({ duplicateWindowMs: -1 })
  const [first, second] = [caller.open(), caller.open()]
  await first.invoke('updates.getState')

  expect(await second.call('updates.getState')).toMatchObject({ kind: 'result' })
})

test.each([
  ['calls beside parts', 'upload.getFileHashes', 'updates.getState'],
  ['entering beside calls', 'updates.getState', 'help.getConfig'],
])(
  'with strict sessions, %s over two main connections kill the key too',
  async (_name, one, other) => {
    const caller = await createCaller({ strictSessions: true })
    const [first, second] = [caller.open(), caller.open()]
    await first.call(one)

    expect(await second.call(other)).toEqual(DUPLICATED)
    expect(caller.telegram.counters.snapshot().keysKilled).toBe(1)
  },
)

test('a key can be revoked, or forgotten by the server', async () => {
  const caller = await createCaller()
  const key = caller.account.authKeyId ?? ''

  caller.actions.revokeKey(key, 'unregister')
  expect(await caller.user.call('updates.getState')).toEqual(UNREGISTERED)
  expect(caller.handler.keyAlive?.(key)).toBe(true)

  caller.actions.revokeKey(key, 'forget')
  expect(caller.handler.keyAlive?.(key)).toBe(false)
})

test('the open main connections of a key are counted', async () => {
  const caller = await createCaller()
  const key = caller.account.authKeyId ?? ''
  const second = caller.open()
  caller.open(undefined, { mediaOnly: true })
  second.close()

  const counters = caller.telegram.counters.snapshot()

  expect(counters.mainConnectionsOpen).toEqual({ [key]: 1 })
  expect(counters.mainConnectionsPeak).toEqual({ [key]: 2 })
  expect(counters.connectionsOpened).toEqual({ '2': 2, '2 media': 1 })
})
