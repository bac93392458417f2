import { expect, test, vi } from 'vitest'
import {
  chunkForm,
  completeAndPoll,
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
} from '../../helpers/callers/client.ts'
import { createTus, metadataOf, patchTus } from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'
import { startTeleStore } from '../../helpers/worker/telestore.ts'

const token = 'token-ann'
const BYTES = Buffer.from('h\u00e9!', 'latin1')

async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

test.each([
  ['a.txt', 'text/plain', 'text/plain; charset=utf-8', 'inline'],
  ['a.txt', '', 'text/plain; charset=utf-8', 'inline'],
  ['a.txt', 'application/octet-stream', 'text/plain; charset=utf-8', 'inline'],
  ['a.csv', 'TEXT/CSV', 'text/csv; charset=utf-8', 'inline'],
  ['a.txt', 'text/plain;charset=koi8-r', 'text/plain; charset=koi8-r', 'inline'],
  ['a.txt', 'text/plain; charset="koi8-r"; x=y', 'text/plain; charset=koi8-r', 'inline'],
  ['a.txt', 'text/plain; charset=', 'text/plain; charset=utf-8', 'inline'],
  ['a.txt', 'text/plain; charset=a\r\nx-evil: 1', 'text/plain; charset=utf-8', 'inline'],
  ['a.json', 'application/json', 'application/json', 'inline'],
  ['a.webm', 'video/webm;codecs=vp8,opus', 'video/webm', 'inline'],
  ['a.webm', 'nonsense', 'video/webm', 'inline'],
  ['a', 'video/*', 'application/octet-stream', 'inline'],
  ['a', 'TEXT/Html ; charset=koi8-r', 'text/html; charset=koi8-r', 'attachment'],
  ['a', 'text/html;x="', 'text/html; charset=utf-8', 'attachment'],
  ['a.txt', 'Image/SVG+xml; charset=utf-8', 'image/svg+xml; charset=utf-8', 'attachment'],
  ['a.txt', 'application/XML;a=b', 'application/xml', 'attachment'],
  ['a.html', 'text/html, text/plain', 'text/html; charset=utf-8', 'attachment'],
])('%s that is %j at Telegram is served as %s, %s', async (name, mimeType, served, disposition) => {
  const { url, gateway } = await start()
  gateway.posted.push({ messageId: 1, name, mimeType, bytes: BYTES })

  const { headers } = await fetch(downloadUrl(url, 1, token))
  const part = await fetch(downloadUrl(url, 1, token), { headers: { range: 'bytes=0-0,1-1,0-0' } })

  expect(headers.get('content-type')).toBe(served)
  expect(headers.get('content-disposition')).toContain(disposition)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(part.headers.get('content-disposition')).toContain(disposition)
})

test('each of several ranges of a text names its charset', async () => {
  const { url, gateway } = await start()
  gateway.posted.push({ messageId: 1, name: 'a.txt', mimeType: 'text/plain', bytes: BYTES })

  const range = 'bytes=0-0,2-2'
  const parts = await fetch(downloadUrl(url, 1, token), { headers: { range } })

  expect(
    (await parts.text()).match(/^content-type: text\/plain; charset=utf-8\r$/gim)?.length,
  ).toBe(2)
})

test('a PDF is shown inline, with any parameters of its type', async () => {
  const { url, gateway } = await start()
  gateway.posted.push({ messageId: 1, name: 'a', mimeType: 'Application/PDF; x=y', bytes: BYTES })

  const { headers } = await fetch(downloadUrl(url, 1, token))

  expect(headers.get('content-security-policy')).toBe("default-src 'self'; object-src 'self'")
})

/** The ways in that say a file's type; each resolves with the upload's id. */
const WAYS: Record<string, (url: string, mimeType: string, name: string) => Promise<string>> = {
  '/init-upload': async (url, mimeType, fileName) => {
    const file = { uploadId: newUploadId(), fileName, totalChunks: 1, fileSize: BYTES.length }
    await postJson(`${url}/init-upload`, { ...file, mimeType, authToken: token })
    await postChunk(url, { ...file, chunkIndex: 0, authToken: token, chunk: BYTES })
    await completeAndPoll(url, file.uploadId)
    return file.uploadId
  },
  'the first chunk': async (url, mimeType, fileName) => {
    const file = { uploadId: newUploadId(), fileName, totalChunks: 1, fileSize: BYTES.length }
    const form = chunkForm({ ...file, chunkIndex: 0, authToken: token, chunk: BYTES })
    form.append('mimeType', mimeType)
    await fetch(`${url}/upload-chunk`, { method: 'POST', body: form })
    await completeAndPoll(url, file.uploadId)
    return file.uploadId
  },
  'tus metadata': async (url, filetype, filename) => {
    const uploadId = await createTus(url, token, {
      'upload-length': String(BYTES.length),
      'upload-metadata': metadataOf({ filename, filetype }),
    })
    await patchTus(url, uploadId, { offset: 0, bytes: BYTES })
    await pollToEnd(url, uploadId)
    return uploadId
  },
}

test.each(
  Object.keys(WAYS).flatMap((way) => [
    [way, 'video/webm;codecs=vp8,opus', 'video/webm'],
    [way, 'Video/WebM; codecs="vp8, opus"', 'video/webm'],
    [way, 'text/plain; charset=ISO-8859-1', 'text/plain; charset=ISO-8859-1'],
    [way, 'application/octet-stream', 'video/mp4'],
    [way, '', 'video/mp4'],
  ]),
)('a file that is sent by %s with the type %j is stored as %s', async (way, declared, expected) => {
  const { url, gateway } = await start()

  const uploadId = await WAYS[way]?.(url, declared, 'film.mp4')

  expect(gateway.posted).toMatchObject([{ mimeType: expected }])
  const jobs = await fetch(`${url}/jobs`, { headers: { authorization: `Bearer ${token}` } })
  expect(await jobs.json()).toMatchObject({ jobs: [{ uploadId, mimeType: expected }] })
})

test('a charset survives MTProto, and the backend gets it', async () => {
  const { url, telegram, backend, addUser } = await startTeleStore()
  addUser('ann', telegram.createAccount({ label: 'ann', withBot: false }))
  const file = {
    uploadId: newUploadId(),
    fileName: 'a.txt',
    totalChunks: 1,
    fileSize: BYTES.length,
  }

  await postJson(`${url}/init-upload`, {
    ...file,
    mimeType: 'text/plain;charset=iso-8859-1',
    authToken: 'ann',
  })
  await postChunk(url, { ...file, chunkIndex: 0, authToken: 'ann', chunk: BYTES })
  const end = (await completeAndPoll(url, file.uploadId)).at(-1)

  const { headers } = await fetch(downloadUrl(url, end?.messageId ?? null, 'link-ann'))
  expect(headers.get('content-type')).toBe('text/plain; charset=iso-8859-1')
  await vi.waitFor(() => expect(backend.webhooks).toHaveLength(1))
  expect(backend.webhooks[0]).toMatchObject({ mimeType: 'text/plain; charset=iso-8859-1' })
})

test('a charset survives the Bot API if the name has no known type', async () => {
  const { url } = await startTeleStore()
  const file = {
    uploadId: newUploadId(),
    fileName: 'README',
    totalChunks: 1,
    fileSize: BYTES.length,
  }

  const mimeType = 'text/plain;charset=iso-8859-1'
  await postJson(`${url}/init-upload`, { ...file, mimeType, authToken: 'main' })
  await postChunk(url, { ...file, chunkIndex: 0, authToken: 'main', chunk: BYTES })
  const end = (await completeAndPoll(url, file.uploadId)).at(-1)

  const { headers } = await fetch(downloadUrl(url, end?.messageId ?? null, 'link-main'))
  expect(headers.get('content-type')).toBe('text/plain; charset=iso-8859-1')
})
