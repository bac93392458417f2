import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import { KiB, MiB } from '../../src/lib/units.ts'
import { listMessages } from '../../src/message-list.ts'
import { createCaller, type Fields } from '../helpers/caller.ts'
import { channelPeer, newFileId, PART, upload, uploadedMedia } from '../helpers/posting.ts'

const bytes = (size: number): Uint8Array => new Uint8Array(size)
const big = (part: number, total: number, size: number): Fields => ({
  file_part: part,
  file_total_parts: total,
  bytes: bytes(size),
})

test.each([
  ['a part size that does not divide 512 KB', big(0, 30, 384 * KiB), 'FILE_PART_SIZE_INVALID'],
  ['a part size that is no multiple of 1 KB', big(0, 30, 100), 'FILE_PART_SIZE_INVALID'],
  ['a part over 512 KB', big(0, 30, PART + KiB), 'FILE_PART_TOO_BIG'],
  ['an empty part', big(0, 30, 0), 'FILE_PART_EMPTY'],
  ['an empty part of an unfinished stream', big(3, -1, 0), 'FILE_PART_EMPTY'],
  ['a part number outside the total', big(30, 30, PART), 'FILE_PART_INVALID'],
  ['a part number below zero', big(-1, 30, PART), 'FILE_PART_INVALID'],
  ['more parts than the account may send', big(0, 4001, PART), 'FILE_PARTS_INVALID'],
  ['a part number beyond what the account may send', big(4000, -1, PART), 'FILE_PART_INVALID'],
  ['a total of zero', big(0, 0, PART), 'FILE_PARTS_INVALID'],
])('%s is refused', async (_name, fields, message) => {
  const { user } = await createCaller()

  const outcome = await user.call('upload.saveBigFilePart', { file_id: 1n, ...fields })

  expect(outcome).toEqual({ kind: 'error', code: 400, message })
})

test('a premium account may send 8000 parts', async () => {
  const caller = await createCaller()
  const { authKeyId } = createAccount(caller.telegram, { label: 'rich', premium: true })
  const client = caller.open(authKeyId ?? '')

  const outcome = await client.call('upload.saveBigFilePart', {
    file_id: 1n,
    ...big(0, 8000, PART),
  })

  expect(outcome).toEqual({ kind: 'result', value: true })
})

test.each([
  ['another part size', big(1, 30, 256 * KiB), 'FILE_PART_SIZE_CHANGED'],
  ['a last part larger than the others', big(29, 30, PART), null],
  ['another total', big(1, 31, PART), 'FILE_PARTS_INVALID'],
])('after a first part, %s', async (_name, fields, message) => {
  const { user } = await createCaller()
  await user.invoke('upload.saveBigFilePart', { file_id: 1n, ...big(0, 30, PART) })

  const outcome = await user.call('upload.saveBigFilePart', { file_id: 1n, ...fields })

  expect(outcome).toMatchObject(message ? { kind: 'error', message } : { kind: 'result' })
})

test('parts may come in any order, the short last one first', async () => {
  const caller = await createCaller()
  const content = randomBytes(11 * MiB + 5)
  const parts = 23
  for (const part of [22, 7, ...Array.from({ length: parts }, (_, n) => n)])
    await caller.user.invoke('upload.saveBigFilePart', {
      file_id: 9n,
      file_part: part,
      file_total_parts: parts,
      bytes: content.subarray(part * PART, (part + 1) * PART),
    })

  const media = uploadedMedia({ fileId: 9n, parts, big: true })
  await post(caller, media)

  expect(await newest(caller)).toMatchObject({ size: content.length, sha256: sha256(content) })
  expect(caller.telegram.counters.snapshot().repeatedParts).toMatchObject([
    { fileId: '9', part: 22, count: 2 },
    { fileId: '9', part: 7, count: 2 },
  ])
})

test('a file that is used while its parts are still being written has all of them', async () => {
  const caller = await createCaller()
  const content = randomBytes(11 * MiB + 5)
  const parts = 23
  const peer = await channelPeer(caller, caller.user)
  const saving = Array.from({ length: parts }, (_, part) =>
    caller.user.invoke('upload.saveBigFilePart', {
      file_id: 9n,
      file_part: part,
      file_total_parts: parts,
      bytes: content.subarray(part * PART, (part + 1) * PART),
    }),
  )

  await caller.user.invoke('messages.sendMedia', {
    peer,
    media: uploadedMedia({ fileId: 9n, parts, big: true }),
    message: '',
    random_id: newFileId(),
  })

  await Promise.all(saving)
  expect(await newest(caller)).toMatchObject({ size: content.length, sha256: sha256(content) })
})

test.each([
  ['10 MB by saveBigFilePart', 10 * MiB, true],
  ['10 MB and a byte by saveFilePart', 10 * MiB + 1, false],
])('%s is refused when it is used', async (_name, size, isBig) => {
  const caller = await createCaller()
  const fileId = newFileId()
  const parts = Math.ceil(size / PART)
  for (let part = 0; part < parts; part++) {
    const fields = {
      file_id: fileId,
      file_part: part,
      bytes: bytes(Math.min(PART, size - part * PART)),
    }
    if (isBig)
      await caller.user.invoke('upload.saveBigFilePart', { ...fields, file_total_parts: parts })
    else await caller.user.invoke('upload.saveFilePart', fields)
  }

  await expect(post(caller, uploadedMedia({ fileId, parts, big: isBig }))).rejects.toThrow(
    '400 FILE_PARTS_INVALID',
  )
})

test.each([1, 5, PART, PART + 1, 10 * MiB, 10 * MiB + 1])('%i bytes go up whole', async (size) => {
  const caller = await createCaller()
  const content = randomBytes(size)

  await post(caller, uploadedMedia(await upload(caller.user, content)))

  expect(await newest(caller)).toMatchObject({ size, sha256: sha256(content) })
})

test('a stream of unknown length may end with an empty part, and be small', async () => {
  const caller = await createCaller()
  const content = randomBytes(2 * PART)
  const send = (part: number, total: number, chunk: Uint8Array) =>
    caller.user.invoke('upload.saveBigFilePart', {
      file_id: 3n,
      file_part: part,
      file_total_parts: total,
      bytes: chunk,
    })
  await send(0, -1, content.subarray(0, PART))
  await send(1, -1, content.subarray(PART))
  await send(2, 3, new Uint8Array(0))

  await post(caller, uploadedMedia({ fileId: 3n, parts: 3, big: true }))

  expect(await newest(caller)).toMatchObject({ sha256: sha256(content) })
})

test('a missing part is named, and sending it mends the upload', async () => {
  const caller = await createCaller()
  const content = randomBytes(12 * MiB)
  const parts = await upload(caller.user, content)
  expect(await caller.actions.loseParts(parts.fileId.toString(), [5])).toBe(1)
  await expect(post(caller, uploadedMedia(parts))).rejects.toThrow('400 FILE_PART_5_MISSING')

  await caller.user.invoke('upload.saveBigFilePart', {
    file_id: parts.fileId,
    file_part: 5,
    file_total_parts: parts.parts,
    bytes: content.subarray(5 * PART, 6 * PART),
  })
  await post(caller, uploadedMedia(parts))

  expect(await newest(caller)).toMatchObject({ sha256: sha256(content) })
})

test('parts are gone when their time is over', async () => {
  const caller = await createCaller({ partsTtlMs: 0 })
  const parts = await upload(caller.user, randomBytes(100))

  await expect(post(caller, uploadedMedia(parts))).rejects.toThrow('400 FILE_PART_0_MISSING')
})

test('parts of another account are not there', async () => {
  const caller = await createCaller()
  const parts = await upload(await caller.bot(), randomBytes(100))

  await expect(post(caller, uploadedMedia(parts))).rejects.toThrow('400 FILE_PART_0_MISSING')
})

test('one upload makes two documents, each of the same bytes', async () => {
  const caller = await createCaller()
  const content = randomBytes(11 * MiB)
  const parts = await upload(caller.user, content)
  await post(caller, uploadedMedia(parts))
  await post(caller, uploadedMedia(parts))

  // Replacing a part afterwards must not reach into the documents.
  const fields = { file_id: parts.fileId, file_part: 0, file_total_parts: parts.parts }
  await caller.user.invoke('upload.saveBigFilePart', { ...fields, bytes: bytes(PART) })

  const listed = await listMessages(caller.telegram, caller.account.channelId)
  expect(listed.map((message) => message.sha256)).toEqual([sha256(content), sha256(content)])
})

test('the MD5 of a small file is checked, unless it is empty', async () => {
  const caller = await createCaller()
  const content = randomBytes(1000)
  const parts = await upload(caller.user, content)
  const md5 = createHash('md5').update(content).digest('hex')

  await expect(post(caller, uploadedMedia(parts, 'f'.repeat(32)))).rejects.toThrow(
    '400 MD5_CHECKSUM_INVALID',
  )

  await post(caller, uploadedMedia(parts, md5))
  await post(caller, uploadedMedia(parts))
})

async function post(caller: Awaited<ReturnType<typeof createCaller>>, media: Fields) {
  return caller.user.invoke('messages.sendMedia', {
    peer: await channelPeer(caller, caller.user),
    media: { _: 'inputMediaUploadedDocument', ...media },
    message: '',
    random_id: newFileId(),
  })
}

async function newest(caller: Awaited<ReturnType<typeof createCaller>>) {
  return (await listMessages(caller.telegram, caller.account.channelId)).at(-1)
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')
