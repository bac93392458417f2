import { expect, test, vi } from 'vitest'
import { decodeCaption } from '../../src/core/model/caption.ts'
import { newUploadId, postJson } from '../helpers/callers/client.ts'
import { createTus, tusHeaders } from '../helpers/callers/tus.ts'
import { createFakeChannel } from '../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeFile } from '../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const ANN = { authorization: 'Bearer token-ann' }

const ROME = { messageId: 1, name: 'Rome', parentId: null, editedAt: 1 }

type Fields = Record<string, string>

async function start() {
  const gateway = createFakeGateway()
  const captions: string[] = []
  gateway.beforeFinish = async ({ caption }) => void captions.push(await caption())
  // Messages of folders and of files have one numbering in Telegram.
  const channel = createFakeChannel()
  for (let id = 0; id < 100; id++) channel.add('words')
  const worker = await startWorker({ gateway, channel, credentials: testCredentials })
  const { url } = worker
  const { ledger } = worker.adapters

  async function small(fields: Fields): Promise<{ status: number; body: Record<string, unknown> }> {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob(['bytes']), 'a.txt')
    const answer = await fetch(`${url}/upload`, { method: 'POST', headers: ANN, body: form })
    return { status: answer.status, body: await answer.json() }
  }

  async function chunk(uploadId: string, fields: Fields = {}): Promise<Response> {
    const form = new FormData()
    const file = { uploadId, fileName: 'a.txt', fileSize: '5', totalChunks: '1', chunkIndex: '0' }
    for (const [name, value] of Object.entries({ ...file, ...fields })) form.append(name, value)
    form.append('chunk', new Blob(['bytes']))
    return fetch(`${url}/upload-chunk`, { method: 'POST', headers: ANN, body: form })
  }

  async function completed(uploadId: string): Promise<number> {
    const done = await vi.waitFor(async () => {
      const upload = await ledger.findUpload(uploadId)
      expect(upload?.state).toBe('completed')
      return upload
    })
    return done?.result?.messageId ?? 0
  }

  return {
    ...{ url, channel, ledger, captions, gateway, small, chunk, completed },
    /** Where the library shows the file. */
    placeOf: async (messageId: number) => {
      const file = await ledger.libraryFile(KEY, messageId)
      return file && `/${[...file.path, file.name].join('/')}`
    },
    folderNames: () => channel.list().flatMap(({ text }) => decodeCaption(text, null)?.name ?? []),
  }
}

type Started = Awaited<ReturnType<typeof start>>

/** The ways into the worker; each resolves with the message. */
const ROADS: Record<string, (worker: Started, fields: Fields) => Promise<number>> = {
  'a form of a whole file': async ({ small }, fields) =>
    Number((await small({ ...fields, fileName: 'a.txt' })).body.messageId),
  'JSON, then a chunk': async ({ url, chunk, completed }, fields) => {
    const uploadId = newUploadId()
    const body = { uploadId, fileName: 'a.txt', fileSize: 5, totalChunks: 1, ...fields }
    const opened = await postJson(`${url}/init-upload`, body, ANN)
    expect(opened.status).toBe(200)
    // The same values once more are the same upload, also where its name has changed.
    expect((await postJson(`${url}/init-upload`, body, ANN)).status).toBe(200)
    await chunk(uploadId)
    await postJson(`${url}/complete-upload`, { uploadId }, ANN)
    return completed(uploadId)
  },
  'a form of a chunk': async ({ url, chunk, completed }, fields) => {
    const uploadId = newUploadId()
    expect((await chunk(uploadId, fields)).status).toBe(200)
    await postJson(`${url}/complete-upload`, { uploadId }, ANN)
    return completed(uploadId)
  },
  tus: async ({ url, completed }, fields) => {
    const id = await createTus(
      url,
      'token-ann',
      {
        'upload-length': '5',
        'upload-metadata': metadataOf({ filename: 'a.txt', ...fields }),
        'content-type': 'application/offset+octet-stream',
      },
      new TextEncoder().encode('bytes'),
    )
    return completed(id)
  },
}

function metadataOf(fields: Fields): string {
  const pairs = Object.entries(fields).map(
    ([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`,
  )
  return pairs.join(',')
}

for (const [name, send] of Object.entries(ROADS)) {
  test(`${name}: a folder is made, named by the caption, and shown in the library`, async () => {
    const worker = await start()

    const messageId = await send(worker, { folder: '/Photos/Rome 2026' })

    expect(await worker.placeOf(messageId)).toBe('/Photos/Rome 2026/a.txt')
    expect(worker.folderNames()).toEqual(['Photos', 'Rome 2026'])
    const folder = await worker.ledger.libraryFolder(KEY, ['Photos', 'Rome 2026'])
    expect(decodeCaption(worker.captions[0] ?? '', null)).toMatchObject({
      ...{ name: 'a.txt', folderId: folder?.folderId },
    })
  })

  test(`${name}: keep-both gives the file the next free name`, async () => {
    const worker = await start()
    await worker.ledger.applyToLibrary(KEY, { files: [makeFile(1, { name: 'a.txt' })] })

    const messageId = await send(worker, { onConflict: 'keep-both', folder: 'null' })

    expect(await worker.placeOf(messageId)).toBe('/a (2).txt')
    expect(worker.gateway.posted[0]?.name).toBe('a (2).txt')
  })

  test(`${name}: replace deletes the other file once this one is posted`, async () => {
    const worker = await start()
    const old = worker.channel.add('', { fileName: 'a.txt' })
    await worker.ledger.applyToLibrary(KEY, { files: [makeFile(old, { name: 'a.txt' })] })
    let wasThere = false
    worker.gateway.beforeFinish = async () => {
      wasThere = worker.channel.list().some(({ messageId }) => messageId === old)
    }

    const messageId = await send(worker, { onConflict: 'replace', folder: '' })

    expect(wasThere).toBe(true)
    await vi.waitFor(async () => expect(await worker.placeOf(old)).toBeNull())
    expect(worker.channel.list().map((message) => message.messageId)).not.toContain(old)
    expect(await worker.placeOf(messageId)).toBe('/a.txt')
  })
}

test.each([
  ['renamed', { name: 'precious.txt' }],
  ['moved', { folderId: 'f'.repeat(32) }],
])('what an upload was to replace stays when it is %s meanwhile', async (_what, change) => {
  const { url, channel, ledger, placeOf, chunk, completed } = await start()
  const old = channel.add('', { fileName: 'a.txt' })
  const folders = [{ ...ROME, folderId: 'f'.repeat(32) }]
  await ledger.applyToLibrary(KEY, { folders, files: [makeFile(old, { name: 'a.txt' })] })
  const uploadId = newUploadId()
  const file = { uploadId, fileName: 'a.txt', fileSize: 5, totalChunks: 1, onConflict: 'replace' }
  await postJson(`${url}/init-upload`, file, ANN)
  await ledger.applyToLibrary(KEY, { files: [makeFile(old, { name: 'a.txt', ...change })] })

  await chunk(uploadId)
  await postJson(`${url}/complete-upload`, { uploadId }, ANN)

  expect(await placeOf(await completed(uploadId))).toBe('/a.txt')
  expect(await ledger.libraryJobsOf('ann', 10)).toEqual([])
  expect(channel.list().map(({ messageId }) => messageId)).toContain(old)
})

test.each([
  ['folder', { folder: '/a/../b' }, 'folder: a folder cannot be named ..'],
  ['folder', { folder: '/x'.repeat(300) }, 'folder: the path has more than 100 folders'],
  ['folder', { folder: '/a\nb' }, 'folder: the name of a folder has a backslash or a control'],
  ['folder', { folder: 'x'.repeat(5000) }, 'folder: expected 4096 characters at most'],
  ['onConflict', { onConflict: 'overwrite' }, 'onConflict: '],
])('a bad %s is refused with 400, and nothing is kept', async (field, fields, sentence) => {
  const { small, ledger } = await start()

  const { status, body } = await small(fields)

  expect(status).toBe(400)
  expect(body).toMatchObject({ code: 'INVALID_REQUEST', field })
  expect(body.error).toContain(sentence)
  expect(await ledger.uploadsOf('ann', 9)).toEqual([])
})

test.each([
  [{ relativePath: 'Rome/Day 1/a.txt' }, '/Rome/Day 1/a.txt'],
  [{ relativePath: 'null' }, '/a.txt'],
  [{ relativePath: 'a.txt' }, '/a.txt'],
  [{ relativePath: 'Rome/a.txt', folder: '/Paris' }, '/Paris/a.txt'],
  [{ relativePath: 'Rome/a.txt', folder: 'null' }, '/Rome/a.txt'],
])('the metadata %j of tus put the file to %s', async (fields, place) => {
  const worker = await start()
  const messageId = await ROADS.tus?.(worker, fields)
  expect(await worker.placeOf(messageId ?? 0)).toBe(place)
})

test('bad folders in the metadata of tus are refused with 400', async () => {
  const { url } = await start()
  for (const fields of [{ folder: '/a//b' }, { relativePath: '../a.txt' }, { onConflict: 'x' }]) {
    const metadata = metadataOf({ filename: 'a.txt', ...fields })
    const headers = { 'upload-length': '5', 'upload-metadata': metadata }
    const answer = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders('token-ann', headers),
    })
    expect([answer.status, (await answer.json()).field]).toEqual([400, 'Upload-Metadata'])
  }
})

test('reject is 409 before the bytes of the file are taken, also by a form', async () => {
  const { url, ledger, small, chunk } = await start()
  await ledger.applyToLibrary(KEY, { files: [makeFile(42, { name: 'a.txt' })] })
  const wanted = { fileName: 'a.txt', onConflict: 'reject' }

  const init = { uploadId: newUploadId(), fileSize: 5, totalChunks: 1, ...wanted }
  const answers = [
    await small(wanted),
    await chunk(newUploadId(), wanted).then(async (answer) => ({
      ...{ status: answer.status, body: await answer.json() },
    })),
    await postJson(`${url}/init-upload`, init, ANN).then(async (answer) => ({
      ...{ status: answer.status, body: await answer.json() },
    })),
  ]

  for (const { status, body } of answers) {
    expect(status).toBe(409)
    expect(body).toMatchObject({ code: 'FILE_EXISTS', messageId: 42 })
  }
  expect(await ledger.uploadsOf('ann', 9)).toEqual([])
  expect((await small({ ...wanted, folder: '/elsewhere' })).status).toBe(200)
})

test('two uploads into one new folder at once make one folder', async () => {
  const worker = await start()

  const sent = await Promise.all(
    ['a.txt', 'b.txt', 'c.txt'].map((fileName) => worker.small({ fileName, folder: '/New/Deep' })),
  )

  expect(sent.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(worker.folderNames()).toEqual(['New', 'Deep'])
  const tree = await worker.ledger.libraryFolder(KEY, ['New', 'Deep'])
  expect(tree).toMatchObject({ files: 3 })
})
