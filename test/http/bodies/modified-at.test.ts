import { expect, test } from 'vitest'
import { decodeCaption } from '../../../src/core/model/caption.ts'
import {
  chunkForm,
  completeAndPoll,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
} from '../../helpers/callers/client.ts'
import { createTus, metadataOf, patchTus, tusHeaders } from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'
const BYTES = Buffer.from('hello')
const NAMED = { fileName: 'a.txt', totalChunks: 1, fileSize: BYTES.length, authToken: token }

/** The ways in that say when a file was changed; each resolves with the answer to the saying. */
const WAYS: Record<string, (url: string, modifiedAt: string | number) => Promise<Response>> = {
  'the JSON of /init-upload': async (url, modifiedAt) => {
    const file = { ...NAMED, uploadId: newUploadId() }
    const opened = await postJson(`${url}/init-upload`, { ...file, modifiedAt })
    if (opened.ok) {
      await postChunk(url, { ...file, chunkIndex: 0, chunk: BYTES })
      await completeAndPoll(url, file.uploadId)
    }
    return opened
  },
  'the form of the first chunk': async (url, modifiedAt) => {
    const uploadId = newUploadId()
    const body = chunkForm({ ...NAMED, uploadId, chunkIndex: 0, chunk: BYTES })
    body.append('modifiedAt', String(modifiedAt))
    const taken = await fetch(`${url}/upload-chunk`, { method: 'POST', body })
    if (taken.ok) await completeAndPoll(url, uploadId)
    return taken
  },
  'the form of /upload': async (url, modifiedAt) => {
    const body = new FormData()
    body.append('file', new Blob([BYTES]), 'a.txt')
    body.append('modifiedAt', String(modifiedAt))
    body.append('authToken', token)
    return fetch(`${url}/upload`, { method: 'POST', body })
  },
  'the metadata of tus': async (url, modifiedAt) => {
    const headers = tusHeaders(token, {
      'upload-length': String(BYTES.length),
      'upload-metadata': metadataOf({ filename: 'a.txt', modifiedAt: String(modifiedAt) }),
    })
    const opened = await fetch(`${url}/files`, { method: 'POST', headers })
    if (opened.ok) {
      const uploadId = opened.headers.get('location')?.split('/').at(-1) ?? ''
      await patchTus(url, uploadId, { offset: 0, bytes: BYTES })
      await pollToEnd(url, uploadId)
    }
    return opened
  },
}

const everyWay = Object.keys(WAYS)

async function start() {
  const gateway = createFakeGateway()
  const { url } = await startWorker({ gateway, credentials: testCredentials })
  const captions: string[] = []
  gateway.beforeFinish = async ({ caption }) => void captions.push(await caption())
  return { url, captions }
}

test.each(
  everyWay.flatMap((way): [string, string | number, number | null][] => [
    [way, 1_764_390_415_123, 1_764_390_415_123],
    [way, '1764390415123', 1_764_390_415_123],
    [way, '2025-11-29T04:26:55.123Z', 1_764_390_415_123],
    [way, '2025-11-29T05:26:55+01:00', 1_764_390_415_000],
    [way, 0, 0],
    [way, '-1', -1],
    [way, '', null],
  ]),
)('%s with modifiedAt %j has %j in the caption', async (way, given, modifiedAt) => {
  const { url, captions } = await start()

  await WAYS[way]?.(url, given)

  expect(captions.map((caption) => decodeCaption(caption, null))).toMatchObject([
    { modifiedAt, name: 'a.txt' },
  ])
})

test.each(
  everyWay.flatMap((way): [string, string | number][] => [
    [way, 'yesterday'],
    [way, '2025-11-29'],
    [way, '2025-02-30T00:00:00Z'],
    [way, '2025-11-29T04:26:55'],
    [way, '1764390415123.5'],
    [way, '253402300800000'],
    [way, '9'.repeat(400)],
  ]),
)('%s with modifiedAt %j is refused, and the refusal names the field', async (way, given) => {
  const { url, captions } = await start()

  const refused = await WAYS[way]?.(url, given)

  const field = way.includes('tus') ? 'Upload-Metadata' : 'modifiedAt'
  expect(refused?.status).toBe(400)
  expect(await refused?.json()).toMatchObject({
    code: 'INVALID_REQUEST',
    error: expect.stringContaining(`${field}: expected milliseconds since 1970`),
    field,
  })
  expect(captions).toEqual([])
})

test('a joined upload has the time that its last request says', async () => {
  const { url, captions } = await start()
  const part = await createTus(url, token, {
    'upload-length': String(BYTES.length),
    'upload-concat': 'partial',
    'upload-metadata': metadataOf({ modifiedAt: '1' }),
  })
  await patchTus(url, part, { offset: 0, bytes: BYTES })

  const joined = await createTus(url, token, {
    'upload-concat': `final;/files/${part}`,
    'upload-metadata': metadataOf({ filename: 'a.txt', modifiedAt: '2' }),
  })
  await pollToEnd(url, joined)

  expect(captions.map((caption) => decodeCaption(caption, null)?.modifiedAt)).toEqual([2])
})
