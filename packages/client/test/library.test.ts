import { expect, test } from 'vitest'
import { createFakeChannel } from '../../../test/helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../../../test/helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../../../test/helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../../../test/helpers/worker/app.ts'
import { createClient, type LibraryItem } from '../src/client.ts'

const PHOTOS = 'a'.repeat(32)

async function start() {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  await worker.adapters.ledger.applyToLibrary(
    { owner: 'ann', channelId: '-1001' },
    {
      folders: [makeFolder(1, PHOTOS, 'Photos & more')],
      files: [
        makeFile(2, { name: 'one.mp4', size: 1, mimeType: 'video/mp4', modifiedAt: 5 }),
        makeFile(3, { name: 'two.bin', size: 2, folderId: PHOTOS, captionId: PHOTOS }),
        makeFile(4, { name: 'three.bin', size: 3, folderId: PHOTOS }),
      ],
    },
  )
  return createClient({ url: worker.url, token: 'token-ann' })
}

test('a page has files, folders, and how far the library follows the channel', async () => {
  const { library } = await start()

  const page = await library.list()

  expect(page).toEqual({
    items: [
      {
        messageId: 2,
        fileName: 'one.mp4',
        folder: '/',
        size: 1,
        mimeType: 'video/mp4',
        kind: 'video',
        createdAt: expect.any(Date),
        modifiedAt: new Date(5),
        sha256: null,
        verified: false,
        volumes: 1,
        thumbnail: false,
        link: expect.stringContaining('https://t.me/'),
        postedBy: 'telegram',
      },
    ],
    folders: [{ path: '/Photos & more', name: 'Photos & more', files: 2, bytes: 5 }],
    next: null,
    sync: { state: 'unavailable', seen: 0, total: null, at: null },
  })
})

test('pages follow each other until there is no more', async () => {
  const { library } = await start()
  const names: string[] = []
  let pages = 0

  for await (const { items } of library.pages({ recursive: true, sort: 'size', limit: 1 })) {
    names.push(...items.map(({ fileName }: LibraryItem) => fileName))
    pages++
  }

  expect([names, pages]).toEqual([['three.bin', 'two.bin', 'one.mp4'], 3])
})

test('a query is asked as it is', async () => {
  const { library } = await start()
  const query = { folder: '/Photos & more', q: 'BIN', kind: 'other', order: 'desc' } as const

  const { items } = await library.list({ ...query, sort: undefined })

  expect(items.map(({ fileName }) => fileName)).toEqual(['two.bin', 'three.bin'])
  await expect(library.list({ folder: '/none' })).rejects.toMatchObject({
    code: 'FOLDER_NOT_FOUND',
    status: 404,
  })
})

test('one file is known by its message', async () => {
  const { library } = await start()

  expect(await library.get(3)).toMatchObject({ folder: '/Photos & more', postedBy: 'telestore' })
  await expect(library.get(5)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
})

test('a thumbnail is a blob, or null where there is none', async () => {
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xd9])
  const asked: string[] = []
  const fetch = async (input: string | URL | Request) => {
    asked.push(String(input))
    if (asked.length === 1) return new Response(jpeg, { headers: { 'content-type': 'image/jpeg' } })
    const code = asked.length === 2 ? 'THUMBNAIL_NOT_FOUND' : 'MESSAGE_NOT_FOUND'
    return Response.json({ error: 'There is none', code }, { status: 404 })
  }
  const { library } = createClient({ url: 'https://worker.example', token: 't', fetch })

  const picture = await library.thumbnail(7)

  expect(asked).toEqual(['https://worker.example/library/7/thumbnail'])
  expect(picture?.type).toBe('image/jpeg')
  expect(new Uint8Array((await picture?.arrayBuffer()) ?? [])).toEqual(jpeg)
  expect(await library.thumbnail(7)).toBeNull()
  await expect(library.thumbnail(7)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
})

test('a rescan says how the library stands', async () => {
  const { library } = await start()

  expect(await library.rescan()).toEqual({ state: 'unavailable', seen: 0, total: null, at: null })
})

test('what belongs to no file is listed', async () => {
  const left = { fileName: 'a.mkv', volumes: 2, of: 3, bytes: 20, messageIds: [4, 5] }
  const createdAt = '2026-11-29T04:26:55.000Z'
  const answers = [{ items: [{ ...left, createdAt }] }, { items: [left] }]
  const fetch = async () => Response.json(answers.shift())
  const { library } = createClient({ url: 'https://worker.example', token: 't', fetch })

  expect(await library.leftovers()).toEqual([{ ...left, createdAt: new Date(createdAt) }])
  await expect(library.leftovers()).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test('an answer that is no page is not taken for one', async () => {
  const fetch = async () => Response.json({ items: [{ messageId: 'x' }], folders: [] })
  const { library } = createClient({ url: 'https://worker.example', token: 't', fetch })

  await expect(library.list()).rejects.toMatchObject({ code: 'BAD_ANSWER' })
})

test('files and folders are changed, and jobs are followed as uploads are', async () => {
  const { library, follow, ids } = await startWithChannel()
  const [one = 0, two = 0] = ids

  const placed = await library.place(one, { fileName: 'new.bin', folder: '/A & B' })
  const made = await library.makeFolder('/A & B/C')
  const moved = await follow((await library.move([two], '/A & B/C')).uploadId)
  const copied = await follow((await library.copy([two], '/')).uploadId)
  const folder = await library.moveFolder('/A & B', '/D')
  const refused = library.deleteFolder('/D')

  expect(placed).toMatchObject({ fileName: 'new.bin', folder: '/A & B' })
  expect(made).toEqual({ path: '/A & B/C', name: 'C', files: 0, bytes: 0 })
  expect([moved.status, copied.status]).toEqual(['completed', 'completed'])
  expect(folder).toMatchObject({ path: '/D', files: 2 })
  await expect(refused).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY', status: 409 })
  const job = await library.deleteFolder('/D', { recursive: true })
  expect(await follow(job?.uploadId ?? '')).toMatchObject({ status: 'completed' })
  const [copy] = (await library.list({ recursive: true })).items
  expect(copy).toMatchObject({ folder: '/' })
  await library.delete(copy?.messageId ?? 0)
  await follow((await library.deleteItems([777])).uploadId)
  expect(await library.deleteFolder((await library.makeFolder('/E')).path)).toBeNull()
  expect(await library.list({ recursive: true })).toMatchObject({ items: [], folders: [] })
})

/** A client of a worker whose channel has two files. */
async function startWithChannel() {
  const channel = createFakeChannel()
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, channel, credentials: testCredentials })
  const ids = ['one', 'two'].map((fileName) => channel.add('', { fileName, size: 1 }))
  const files = ids.map((id) => makeFile(id, { size: 1 }))
  const key = { owner: 'ann', channelId: '-1001' }
  await worker.adapters.ledger.applyToLibrary(key, { files })
  return { ...createClient({ url: worker.url, token: 'token-ann' }), ids }
}
