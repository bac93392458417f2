import { createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { CDN_DC } from '../../src/context.ts'
import { KiB, MiB } from '../../src/lib/units.ts'
import type { TlObject } from '../../src/types.ts'
import { createCaller, type Fields } from '../helpers/caller.ts'
import { channelPeer, list, post, toInputChannel, toLocation } from '../helpers/posting.ts'

const range = (offset: number, limit: number, precise = false): Fields => ({
  offset: BigInt(offset),
  limit,
  precise,
})

test.each([
  ['an offset that is no multiple of 4 KB', range(KiB, 4 * KiB), 'OFFSET_INVALID'],
  ['a negative offset', range(-4096, 4 * KiB), 'OFFSET_INVALID'],
  ['a limit that is no multiple of 4 KB', range(0, 5 * KiB), 'LIMIT_INVALID'],
  ['a limit that does not divide 1 MB', range(0, 12 * KiB), 'LIMIT_INVALID'],
  ['a limit over 1 MB', range(0, 2 * MiB), 'LIMIT_INVALID'],
  ['a limit of zero', range(0, 0), 'LIMIT_INVALID'],
  ['a range over the border of 1 MB', range(MiB - 4 * KiB, 8 * KiB), 'LIMIT_INVALID'],
  ['precise, off 1 KB', range(100, KiB, true), 'OFFSET_INVALID'],
  ['precise, a limit off 1 KB', range(0, 100, true), 'LIMIT_INVALID'],
  ['precise, over the border of 1 MB', range(MiB - KiB, 2 * KiB, true), 'LIMIT_INVALID'],
])('%s is refused', async (_name, fields, message) => {
  const caller = await createCaller()
  const { document } = await post(caller, randomBytes(3 * KiB))

  const outcome = await caller.user.call('upload.getFile', {
    location: toLocation(document),
    ...fields,
  })

  expect(outcome).toEqual({ kind: 'error', code: 400, message })
})

test.each([
  ['the whole of a small file', 0, MiB, false],
  ['a precise range', 3 * KiB, 5 * KiB, true],
  ['the tail of a block', MiB - 512 * KiB, 512 * KiB, false],
  ['the short end', 2 * MiB, MiB, false],
  ['nothing after the end', 3 * MiB, MiB, false],
])('%s is read right', async (_name, offset, limit, precise) => {
  const caller = await createCaller()
  const content = randomBytes(2 * MiB + 77)
  const { document } = await post(caller, content)

  const file = await caller.user.invoke('upload.getFile', {
    location: toLocation(document),
    ...range(offset, limit, precise),
  })

  expect(file.bytes).toEqual(content.subarray(offset, offset + limit))
})

test('a document of the other data centre sends the client there, logged in', async () => {
  const caller = await createCaller({ documentsDcId: 4 })
  const content = randomBytes(100)
  const { document } = await post(caller, content)
  const request = { location: toLocation(document), ...range(0, 4 * KiB) }
  expect(await caller.user.call('upload.getFile', request)).toMatchObject({
    code: 303,
    message: 'FILE_MIGRATE_4',
  })

  const key = caller.telegram.store.keys.create(4).id
  const guest = caller.open(key, { dcId: 4, mediaOnly: true })
  expect(await guest.call('upload.getFile', request)).toMatchObject({
    code: 401,
    message: 'AUTH_KEY_UNREGISTERED',
  })
  const { id, bytes } = await caller.user.invoke('auth.exportAuthorization', { dc_id: 4 })
  await guest.invoke('auth.importAuthorization', { id, bytes })

  expect(await guest.invoke('upload.getFile', request)).toMatchObject({ bytes: content })
  expect(await guest.call('auth.importAuthorization', { id, bytes })).toMatchObject({
    message: 'AUTH_BYTES_INVALID',
  })
  expect(await caller.open(key, { dcId: 4 }).call('updates.getState')).toMatchObject({
    message: 'USER_MIGRATE_2',
  })
})

test('a file reference expires, and the message gives another', async () => {
  const caller = await createCaller()
  const { document, id, peer } = await post(caller, randomBytes(100))
  const request = { location: toLocation(document), ...range(0, 4 * KiB) }
  caller.actions.expireFileReferences()
  expect(await caller.user.call('upload.getFile', request)).toMatchObject({
    message: 'FILE_REFERENCE_EXPIRED',
  })

  const found = await caller.user.invoke('channels.getMessages', {
    channel: toInputChannel(peer),
    id: [{ _: 'inputMessageID', id }],
  })

  const location = toLocation(documentOf(found))
  const file = await caller.user.invoke('upload.getFile', { location, ...range(0, 4 * KiB) })
  expect(file._).toBe('upload.file')
})

test.each([
  ['a hash that another account was given', 'access_hash', 'FILE_ID_INVALID'],
  ['a reference that another account was given', 'file_reference', 'FILE_REFERENCE_INVALID'],
])('%s opens nothing', async (_name, field, message) => {
  const caller = await createCaller()
  const { document, id } = await post(caller, randomBytes(100))
  const bot = await caller.bot()
  const channel = await channelPeer(caller, caller.user)
  const found = await bot.invoke('channels.getMessages', {
    channel: { ...toInputChannel(channel), access_hash: 0n },
    id: [{ _: 'inputMessageID', id }],
  })

  const outcome = await caller.user.call('upload.getFile', {
    location: { ...toLocation(document), [field]: documentOf(found)[field] },
    ...range(0, 4 * KiB),
  })

  expect(outcome).toMatchObject({ kind: 'error', message })
})

test('the CDN serves a file that was sent there, under the key that the redirect names', async () => {
  const caller = await createCaller({ serveByCdn: true })
  const content = randomBytes(MiB + 5000)
  const { document } = await post(caller, content)
  const location = toLocation(document)
  const redirect = await caller.user.invoke('upload.getFile', {
    location,
    ...range(0, MiB),
    cdn_supported: true,
  })
  expect(redirect).toMatchObject({ _: 'upload.fileCdnRedirect', dc_id: CDN_DC })
  const cdn = caller.open(caller.telegram.store.keys.create(CDN_DC).id, { dcId: CDN_DC })
  const ask = (offset: number) =>
    cdn.invoke('upload.getCdnFile', {
      file_token: redirect.file_token,
      offset: BigInt(offset),
      limit: MiB,
    })

  const needed = await ask(0)
  expect(needed._).toBe('upload.cdnFileReuploadNeeded')
  await caller.user.invoke('upload.reuploadCdnFile', {
    file_token: redirect.file_token,
    request_token: needed.request_token,
  })
  const plain = Buffer.concat([
    decrypt(redirect, await ask(0), 0),
    decrypt(redirect, await ask(MiB), MiB),
  ])

  expect(Buffer.compare(plain, content)).toBe(0)
  const hashes = await caller.user.call('upload.getCdnFileHashes', {
    file_token: redirect.file_token,
    offset: BigInt(MiB),
  })
  expect(hashes).toMatchObject({
    value: [{ offset: BigInt(MiB), limit: 5000, hash: sha256(content.subarray(MiB)) }],
  })
})

test('a client that does not support the CDN is served directly', async () => {
  const caller = await createCaller({ serveByCdn: true })
  const { document } = await post(caller, randomBytes(100))

  const file = await caller.user.invoke('upload.getFile', {
    location: toLocation(document),
    ...range(0, 4 * KiB),
  })

  expect(file._).toBe('upload.file')
})

test('every unit that was fetched is counted', async () => {
  const caller = await createCaller()
  const { document } = await post(caller, randomBytes(2 * MiB))
  const location = toLocation(document)
  await caller.user.invoke('upload.getFile', { location, ...range(0, MiB) })
  await caller.user.invoke('upload.getFile', { location, ...range(128 * KiB, 128 * KiB) })

  const { unitsFetched, methods } = caller.telegram.counters.snapshot()

  expect(unitsFetched[String(document.id)]).toEqual([1, 2, 1, 1, 1, 1, 1, 1])
  expect(methods['upload.getFile']).toMatchObject({ calls: 2, bytesOut: MiB + 128 * KiB })
})

function decrypt(redirect: TlObject, file: TlObject, offset: number): Buffer {
  const key = Buffer.from(redirect.encryption_key as Uint8Array)
  const iv = Buffer.from(redirect.encryption_iv as Uint8Array)
  iv.writeUInt32BE(offset / 16, 12)
  return createDecipheriv('aes-256-ctr', key, iv).update(file.bytes as Uint8Array)
}

function documentOf(found: TlObject): TlObject {
  const media = list(found.messages)[0]?.media as TlObject
  return media.document as TlObject
}

const sha256 = (content: Uint8Array): Buffer => createHash('sha256').update(content).digest()
