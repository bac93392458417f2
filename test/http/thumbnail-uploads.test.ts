import { expect, test, vi } from 'vitest'
import { postJson } from '../helpers/callers/client.ts'
import { makeTusUpload, uploadIdOf } from '../helpers/callers/tus.ts'
import { makePicture, SOI, segment } from '../helpers/jpeg.ts'
import { createFakeChannel } from '../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, type TestWorkerOptions, testCredentials } from '../helpers/worker/app.ts'

const ANN = { authorization: 'Bearer token-ann' }
const JPEG = makePicture(320, 180, 20_000)
const WITH_EXIF = Buffer.concat([SOI, segment(0xe1, 'Exif\0\0'), JPEG.subarray(2)])

async function start(options: TestWorkerOptions = {}) {
  const gateway = createFakeGateway()
  const channel = createFakeChannel()
  const worker = await startWorker({ gateway, channel, credentials: testCredentials, ...options })
  const { url, adapters } = worker

  const init = (thumbnail: unknown, uploadId = 'one') => {
    const file = { uploadId, fileName: 'a.jpg', totalChunks: 1, fileSize: 5 }
    return postJson(`${url}/init-upload`, { ...file, thumbnail }, ANN)
  }
  const sendChunk = async (uploadId = 'one') => {
    const form = new FormData()
    const fields = { uploadId, chunkIndex: 0, totalChunks: 1, fileName: 'a.jpg', fileSize: 5 }
    for (const [name, value] of Object.entries(fields)) form.append(name, String(value))
    form.append('chunk', new Blob(['bytes']))
    const answer = await fetch(`${url}/upload-chunk`, { method: 'POST', headers: ANN, body: form })
    expect(answer.status).toBe(200)
  }
  const complete = async (uploadId = 'one') => {
    await postJson(`${url}/complete-upload`, { uploadId }, ANN)
    return vi.waitFor(async () => {
      const answer = await fetch(`${url}/upload-progress/${uploadId}`)
      const progress = await answer.json()
      expect(progress.status).toBe('completed')
      return progress
    })
  }
  const small = (thumbnail?: Uint8Array, order: 'first' | 'last' = 'last') => {
    const form = new FormData()
    const add = () =>
      thumbnail && form.append('thumbnail', new Blob([Uint8Array.from(thumbnail)]), 't.jpg')
    if (order === 'first') add()
    form.append('file', new Blob(['bytes']), 'a.jpg')
    if (order === 'last') add()
    return fetch(`${url}/upload`, { method: 'POST', headers: ANN, body: form })
  }
  const put = (uploadId: string, bytes: Uint8Array = JPEG, headers: object = {}) =>
    fetch(`${url}/upload-thumbnail/${uploadId}`, {
      method: 'PUT',
      headers: { 'content-type': 'image/jpeg', ...ANN, ...headers },
      body: Uint8Array.from(bytes),
    })
  const show = (messageId: number) =>
    fetch(`${url}/library/${messageId}/thumbnail`, { headers: ANN })
  return {
    ...worker,
    ledger: adapters.ledger,
    gateway,
    init,
    sendChunk,
    complete,
    small,
    put,
    show,
  }
}

test('a thumbnail in JSON goes to Telegram with the file, and is shown afterwards', async () => {
  const { init, sendChunk, complete, show, gateway, ledger } = await start()

  expect((await init(JPEG.toString('base64'))).status).toBe(200)
  await sendChunk()
  const { messageId } = await complete()

  expect(Buffer.from(gateway.posted[0]?.thumbnail ?? []).equals(JPEG)).toBe(true)
  const shown = await show(messageId)
  expect(Buffer.from(await shown.arrayBuffer()).equals(JPEG)).toBe(true)
  expect(await ledger.uploadThumbnail('one')).toBeNull()
})

test.each(['first', 'last'] as const)('in a form the thumbnail may come %s', async (order) => {
  const { small, show } = await start()

  const answer = await small(JPEG, order)

  expect(answer.status).toBe(200)
  const { messageId } = await answer.json()
  expect((await show(messageId)).status).toBe(200)
})

test('an upload that is open takes a thumbnail by itself, and the last one counts', async () => {
  const { init, sendChunk, complete, put, gateway } = await start()
  await init(JPEG.toString('base64'))
  await sendChunk()
  const last = makePicture(10, 10, 700)

  expect((await put('one', makePicture(9, 9))).status).toBe(204)
  expect((await put('one', last, { authorization: '' })).status).toBe(204)
  await complete()

  expect(Buffer.from(gateway.posted[0]?.thumbnail ?? []).equals(last)).toBe(true)
})

test('a client of tus sends a thumbnail before its first bytes', async () => {
  const { url, put, gateway } = await start()
  const { upload, finished } = makeTusUpload(url, Buffer.from('bytes'), {
    token: 'token-ann',
    onBeforeRequest: async (request) => {
      if (request.getMethod() === 'PATCH') await put(uploadIdOf(upload))
    },
  })

  upload.start()
  await finished

  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
  expect(Buffer.from(gateway.posted[0]?.thumbnail ?? []).equals(JPEG)).toBe(true)
})

test.each<[string, number, string, Parameters<Awaited<ReturnType<typeof start>>['put']>]>([
  ['of an upload that is complete', 409, 'UPLOAD_CLOSED', ['done']],
  ['of no upload', 404, 'UPLOAD_NOT_FOUND', ['none']],
  [
    'of another user',
    404,
    'UPLOAD_NOT_FOUND',
    ['one', JPEG, { authorization: 'Bearer token-bob' }],
  ],
  ['with EXIF', 400, 'INVALID_REQUEST', ['one', WITH_EXIF]],
  ['without bytes', 400, 'INVALID_REQUEST', ['one', Buffer.alloc(0)]],
  [
    'of another type',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    ['one', JPEG, { 'content-type': 'image/png' }],
  ],
  ['in JSON', 415, 'UNSUPPORTED_MEDIA_TYPE', ['one', JPEG, { 'content-type': 'application/json' }]],
  ['of 600 KB', 413, 'PAYLOAD_TOO_LARGE', ['one', makePicture(9, 9, 600 * 1024)]],
])('a thumbnail %s is refused with %i %s', async (_name, status, code, call) => {
  const { init, sendChunk, complete, put, ledger } = await start()
  await init(null)
  await init(null, 'done')
  await sendChunk('done')
  await complete('done')

  const answer = await put(...call)

  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ code })
  expect(await ledger.uploadThumbnail('one')).toBeNull()
})

test('an upload without a thumbnail has none', async () => {
  const { init, sendChunk, complete, small, show } = await start()

  for (const [index, none] of [null, '', 'null', undefined].entries()) {
    expect((await init(none, `id-${index}`)).status).toBe(200)
  }
  await sendChunk('id-0')
  const { messageId } = await complete('id-0')
  expect((await show(messageId)).status).toBe(404)
  expect((await small()).status).toBe(200)
  expect((await small(new Uint8Array())).status).toBe(200)
})

test.each([
  ['EXIF', WITH_EXIF],
  ['a bomb of 60,000 x 60,000', makePicture(60_000, 60_000)],
  ['321 pixels', makePicture(321, 1)],
  ['no end', JPEG.subarray(0, -1)],
  ['a tail', Buffer.concat([JPEG, Buffer.from('PK')])],
  ['201 KB', makePicture(320, 320, 201 * 1024)],
  ['300 KB', makePicture(320, 320, 300 * 1024)],
  ['no JPEG', Buffer.from('GIF89a')],
])('a thumbnail with %s is refused, and nothing is kept', async (_name, bytes) => {
  const { init, small, gateway, ledger } = await start()

  const refused = [
    await init(bytes.toString('base64')),
    await small(bytes, 'first'),
    await small(bytes, 'last'),
  ]

  for (const answer of refused) {
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST', field: 'thumbnail' })
  }
  expect(await ledger.uploadsOf('ann', 10)).toEqual([])
  expect(gateway.posted).toEqual([])
})

test.each(['no base64!', 7, [JPEG.toString('base64')], { a: 1 }])(
  'a thumbnail that is %j is refused',
  async (thumbnail) => {
    const { init } = await start()

    const answer = await init(thumbnail)

    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ field: 'thumbnail' })
  },
)

test('a form with two thumbnails is refused', async () => {
  const { url } = await start()
  const form = new FormData()
  form.append('thumbnail', new Blob([Uint8Array.from(JPEG)]))
  form.append('thumbnail', new Blob([Uint8Array.from(JPEG)]))
  form.append('file', new Blob(['bytes']), 'a.jpg')

  const answer = await fetch(`${url}/upload`, { method: 'POST', headers: ANN, body: form })

  expect(answer.status).toBe(400)
})

test('a thumbnail survives a restart, and goes with an upload that is cancelled', async () => {
  const dataDir = await makeTempDir()
  const first = await start({ dataDir })
  await first.init(JPEG.toString('base64'))
  await first.init(JPEG.toString('base64'), 'two')
  await first.close()
  const { ledger, url, sendChunk, complete, gateway } = await start({ dataDir })

  expect((await ledger.findUpload('one'))?.state).toBe('receiving')
  expect(await ledger.uploadThumbnail('one')).toHaveLength(JPEG.length)
  await postJson(`${url}/cancel-upload`, { uploadId: 'two' }, ANN)
  await sendChunk()
  await complete()

  expect(gateway.posted[0]?.thumbnail).toHaveLength(JPEG.length)
  expect(await ledger.uploadThumbnail('two')).toBeNull()
})

test('of an upload that is opened again the first thumbnail counts', async () => {
  const { init, ledger } = await start()

  await init(JPEG.toString('base64'))
  const again = await init(makePicture(1, 1).toString('base64'))

  expect(again.status).toBe(200)
  expect(await ledger.uploadThumbnail('one')).toHaveLength(JPEG.length)
})
