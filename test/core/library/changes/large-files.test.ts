import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { decodeCaption } from '../../../../src/core/model/caption.ts'
import { AppError, shuttingDown } from '../../../../src/errors.ts'
import { KEY, startChanges } from './setup.ts'

const ID = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const SYNCED = { sync: { pts: 1, scan: null, lookedAt: 1 } }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

async function start({ synced = true } = {}) {
  const changes = startChanges()
  const ids = changes.addLargeFile(ID)
  const [first = 0, second = 0, third = 0, manifest = 0] = ids
  const kept = changes.channel.add('people wrote this', { fileName: 'kept', size: 1 })
  if (synced) {
    await changes.look()
    await changes.ledger.applyToLibrary(KEY, SYNCED)
  }
  const left = () => changes.channel.list().map(({ messageId }) => messageId)
  return { ...changes, volumes: [first, second, third], manifest, kept, left }
}

test('a large file is deleted with its volumes, the manifest first, and again', async () => {
  const { changing, token, channel, ledger, manifest, kept, left } = await start()

  await changing.deleteFile(token, manifest)

  expect(left()).toEqual([kept])
  expect(channel.requests).toEqual(['remove', 'remove'])
  expect(await ledger.libraryFile(KEY, manifest)).toBeNull()
  expect(await ledger.libraryVolumes(KEY, ID)).toEqual([])
  await changing.deleteFile(token, manifest)
})

test('what a dead process has left of a large file is deleted by the next one', async () => {
  const { changing, token, channel, manifest, kept, left, newProcess, ledger } = await start()
  let removals = 0
  channel.before = async (method) => {
    if (method === 'remove' && ++removals === 2) throw shuttingDown()
  }
  const dying = changing.deleteFile(token, manifest)
  await vi.waitFor(() => expect(removals).toBe(2))
  expect(left()).not.toContain(manifest)
  // Volumes without a manifest, which are no file that has lost one.
  expect(await ledger.libraryLeftovers(KEY, { limit: 9 })).toEqual([])
  channel.before = async () => {}

  const next = newProcess()
  await next.jobs.resume()

  await vi.waitFor(() => expect(left()).toEqual([kept]))
  await vi.advanceTimersByTimeAsync(60_000)
  await dying
})

test('a file whose volumes the library does not know yet is deleted by its manifest', async () => {
  const { changing, token, manifest, kept, left } = await start({ synced: false })

  await changing.deleteFile(token, manifest)

  expect(left()).toEqual([kept])
})

test('the volumes stay where another manifest needs them', async () => {
  const { changing, token, channel, look, volumes, manifest, kept, left } = await start()
  const { text = '' } = channel.list().find(({ messageId }) => messageId === manifest) ?? {}
  const again = channel.add(text, { fileName: 'film.mp4.telestore.json', size: 50 })
  await look()

  await changing.deleteFile(token, manifest)

  expect(left()).toEqual([...volumes, kept, again])
})

test('where the manifest may not be deleted, its volumes stay', async () => {
  const { changing, token, channel, ledger, volumes, manifest, kept, left } = await start()
  channel.refuses = [manifest]

  await expect(changing.deleteFile(token, manifest)).rejects.toMatchObject({
    code: 'NOT_DELETABLE',
  })

  expect(left()).toEqual([...volumes, manifest, kept])
  expect(await ledger.libraryFile(KEY, manifest)).toMatchObject({ volumes: 3, size: 300 })
})

test('a volume is not deleted alone, unless it is left over', async () => {
  const { changing, token, channel, look, volumes, manifest, left } = await start()
  const [, second = 0] = volumes
  await expect(changing.deleteFile(token, second)).rejects.toMatchObject({
    code: 'NOT_DELETABLE',
    message: 'The message holds a piece of a large file: delete the file',
  })
  expect(left()).toContain(second)

  channel.drop(manifest)
  await look()
  await changing.deleteFile(token, second)

  expect(left()).not.toContain(second)
})

test('a volume of a library that was not read to its end is not deleted', async () => {
  const { changing, token, volumes, left } = await start({ synced: false })
  const [first = 0] = volumes

  await expect(changing.deleteFile(token, first)).rejects.toMatchObject({ code: 'NOT_DELETABLE' })

  expect(left()).toContain(first)
})

test('a job deletes small and large files', async () => {
  const { changing, token, queue, addFile, addLargeFile, look, manifest, kept, left } =
    await start()
  const [, , , other = 0] = addLargeFile(OTHER)
  const ids = [addFile('a'), manifest, addFile('b'), other]
  await look()

  const opened = await changing.startJob(token, { kind: 'delete', messageIds: ids, folder: null })
  await queue.ended(opened.uploadId)

  expect(left()).toEqual([kept])
})

test('a renamed large file has another line in its manifest alone', async () => {
  const { changing, token, channel, volumes, manifest } = await start()

  const { file } = await changing.placeFile(token, manifest, { fileName: 'b.mp4' })

  expect(file).toMatchObject({ name: 'b.mp4', size: 300, volumes: 3, mimeType: 'video/mp4' })
  const line = (id: number) =>
    decodeCaption(channel.list().find(({ messageId }) => messageId === id)?.text ?? '', null)
  expect(line(manifest)).toMatchObject({ id: ID, kind: 'manifest', name: 'b.mp4' })
  expect(line(volumes[0] ?? 0)).toMatchObject({ kind: { volume: 1, of: 3 }, name: 'film.mp4' })
  await expect(changing.placeFile(token, volumes[0] ?? 0, { fileName: 'c' })).rejects.toMatchObject(
    {
      code: 'MESSAGE_NOT_FOUND',
    },
  )
})

test('a copy has volumes and a manifest of its own', async () => {
  const { changing, token, queue, channel, ledger, manifests, volumes, manifest } = await start()

  const wanted = { kind: 'copy', messageIds: [manifest], folder: ['Copies'] } as const
  await queue.ended((await changing.startJob(token, wanted)).uploadId)

  const copyId = channel.list().at(-1)?.messageId ?? 0
  const copy = manifests.get(copyId)
  expect(copy).toMatchObject({ name: 'film.mp4', size: 300, sha256: 'd'.repeat(64) })
  expect(copy?.id).not.toBe(ID)
  const copies = copy?.volumes.map(({ messageId }) => messageId) ?? []
  expect(copies.some((id) => volumes.includes(id))).toBe(false)
  const lines = channel.list().flatMap(({ messageId, text }) => {
    return copies.includes(messageId) ? (decodeCaption(text, null) ?? []) : []
  })
  expect(lines.map(({ id, kind, wholeSha256 }) => ({ id, kind, wholeSha256 }))).toEqual([
    { id: copy?.id, kind: { volume: 1, of: 3 }, wholeSha256: undefined },
    { id: copy?.id, kind: { volume: 2, of: 3 }, wholeSha256: undefined },
    { id: copy?.id, kind: { volume: 3, of: 3 }, wholeSha256: 'd'.repeat(64) },
  ])
  expect(await ledger.libraryFile(KEY, copyId)).toMatchObject({
    ...{ name: 'film.mp4', path: ['Copies'], size: 300, volumes: 3, captionId: copy?.id },
  })
})

test('what was measured of a large file is known of its copy', async () => {
  const { changing, token, queue, channel, ledger, manifest } = await start()
  const digests = { sha256: 'd'.repeat(64), crc32: '00000001' }
  await ledger.keepReceipt(`${manifest}`, 300, digests)

  const wanted = { kind: 'copy', messageIds: [manifest], folder: null } as const
  await queue.ended((await changing.startJob(token, wanted)).uploadId)

  const copyId = channel.list().at(-1)?.messageId ?? 0
  expect(await ledger.libraryFile(KEY, copyId)).toMatchObject({ ...digests, isMeasured: true })
})

test('a copy that was interrupted goes on with the volumes that are missing', async () => {
  const { changing, token, channel, telegram, manifests, manifest, newProcess, queue } =
    await start()
  const posts: string[] = []
  channel.before = async (method) => {
    if (method === 'post' && posts.push(method) === 3) throw shuttingDown()
  }
  telegram.beforeFinish = async () => {
    throw shuttingDown()
  }
  const wanted = { kind: 'copy', messageIds: [manifest], folder: null } as const
  await changing.startJob(token, wanted)
  await vi.waitFor(() => expect(posts).toHaveLength(3))
  await queue.close(shuttingDown())
  channel.before = async () => {}
  telegram.beforeFinish = async () => {}

  const next = newProcess()
  await next.jobs.resume()
  await vi.waitFor(() => expect(manifests.size).toBe(2))

  const copy = manifests.get(channel.list().at(-1)?.messageId ?? 0)
  expect(copy?.volumes).toHaveLength(3)
  const copies = channel.list().filter(({ text }) => text.includes(`id=${copy?.id}`))
  expect(copies).toHaveLength(4)
})

test('of a copy that fails for good nothing is left', async () => {
  const { changing, token, queue, channel, volumes, manifest, kept, heard, left } = await start()
  channel.drop(volumes[1] ?? 0)

  const wanted = { kind: 'copy', messageIds: [manifest], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  expect(heard.get(uploadId)).toMatchObject({ status: 'failed' })
  expect(left()).toEqual([volumes[0], volumes[2], manifest, kept])
})

test('a copy of a file that lacks a volume fails alone', async () => {
  const { changing, token, queue, manifests, manifest, addFile, look, heard, channel } =
    await start()
  const other = addFile('a')
  await look()
  vi.spyOn(manifests, 'get').mockImplementation(() => {
    throw new AppError('FILE_INCOMPLETE', 'volume 2 of 3 is missing')
  })

  const wanted = { kind: 'copy', messageIds: [manifest, other], folder: null } as const
  const { uploadId } = await changing.startJob(token, wanted)
  await queue.ended(uploadId)

  expect(heard.get(uploadId)).toMatchObject({
    ...{ status: 'failed', error: expect.stringContaining('1 of 2') },
  })
  expect(channel.list().filter(({ text }) => text.includes('name=a'))).toHaveLength(2)
})
