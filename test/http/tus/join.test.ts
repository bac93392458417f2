import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { pollToEnd, postJson, sha256 } from '../../helpers/callers/client.ts'
import {
  createTus,
  idIn,
  makeTusUpload,
  metadataOf,
  offsetOf,
  patchTus,
  tusHeaders,
} from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { spooledUploads } from '../../helpers/storage/spooled.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const ANN = 'token-ann'

async function startTus(env: Record<string, string> = {}, dataDir?: string) {
  const gateway = createFakeGateway()
  const worker = await startWorker({
    gateway,
    credentials: testCredentials,
    env,
    ...(dataDir !== undefined && { dataDir }),
  })
  return { ...worker, gateway }
}

async function createPart(url: string, bytes: Buffer, token = ANN): Promise<string> {
  const headers = { 'upload-length': String(bytes.length), 'upload-concat': 'partial' }
  const uploadId = await createTus(url, token, headers)
  await patchTus(url, uploadId, { offset: 0, bytes, token })
  return uploadId
}

function createEmpty(url: string): Promise<string> {
  return createTus(url, ANN, { 'upload-length': '0', 'upload-concat': 'partial' })
}

function joinAll(url: string, parts: string[], token = ANN): Promise<Response> {
  const urls = parts.map((part, index) => (index === 0 ? `${url}/files/${part}` : `/files/${part}`))
  return joinUrls(url, urls, token)
}

function percentEncoded(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

function joinUrls(url: string, urls: readonly string[], token = ANN): Promise<Response> {
  return fetch(`${url}/files`, {
    method: 'POST',
    headers: tusHeaders(token, {
      'upload-concat': `final;${urls.join(' ')}`,
      'upload-metadata': metadataOf({ filename: 'whole.bin' }),
    }),
  })
}

test('parts of any size become one file in the order of the request', async () => {
  const { url, gateway } = await startTus()
  const pieces = [7 * MiB + 1, 1, 5 * MiB, 999].map((size) => randomBytes(size))
  const parts: string[] = []
  for (const piece of pieces) parts.push(await createPart(url, piece))

  const response = await joinAll(url, parts.toReversed())
  expect(response.status).toBe(201)
  const uploadId = idIn(response.headers.get('location'))
  await pollToEnd(url, uploadId)

  const whole = Buffer.concat(pieces.toReversed())
  expect(gateway.posted).toHaveLength(1)
  expect(gateway.posted[0]?.name).toBe('whole.bin')
  expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(whole))
  const head = await fetch(`${url}/files/${uploadId}`, { method: 'HEAD', headers: tusHeaders(ANN) })
  expect(head.headers.get('upload-concat')).toMatch(/^final;/)
  expect(head.headers.get('upload-length')).toBe(String(whole.length))
  expect(head.headers.get('upload-offset')).toBe(String(whole.length))
})

test('a client that lost the answer asks again and gets the same upload', async () => {
  const { url, gateway, dataDir } = await startTus()
  const parts = [await createPart(url, randomBytes(1000)), await createPart(url, randomBytes(10))]

  const [first, again] = await Promise.all([joinAll(url, parts), joinAll(url, parts)])
  const later = await joinAll(url, parts)

  const location = first.headers.get('location')
  expect(again.headers.get('location')).toBe(location)
  expect(later.headers.get('location')).toBe(location)
  // Its parts look whole to it, so that it does not send them again.
  expect(await offsetOf(url, parts[0] ?? '')).toBe(1000)
  await pollToEnd(url, idIn(location))
  expect(gateway.posted).toHaveLength(1)
  await vi.waitFor(async () => expect(await spooledUploads(dataDir)).toEqual([]))
})

test.each<[string, (id: string) => string]>([
  ['whole', (id) => `http://worker.example/files/${id}`],
  ['of another host and below a prefix', (id) => `https://other.example:8443/a/b/files/${id}`],
  ['below a prefix', (id) => `/tele/files/${id}/`],
  ['relative', (id) => `files/${id}`],
  ['relative to the folder', (id) => id],
  ['relative with dots', (id) => `../files/./${id}`],
  ['with a query and a fragment', (id) => `/files/${id}?a=/b#/c`],
  ['percent-encoded', (id) => `/files/${percentEncoded(id)}`],
  ['percent-encoded as a whole', (id) => encodeURIComponent(`https://worker.example/files/${id}`)],
])('parts are joined by URLs that are %s', async (_form, urlOf) => {
  const { url, gateway } = await startTus()
  const parts = [await createPart(url, randomBytes(10)), await createPart(url, randomBytes(10))]

  const joined = await joinUrls(url, parts.map(urlOf))

  expect(joined.status).toBe(201)
  await pollToEnd(url, idIn(joined.headers.get('location')))
  expect(gateway.posted.map(({ bytes }) => bytes.length)).toEqual([20])
})

test.each<[string, number, (id: string) => string]>([
  ['of another user, on whatever host', 404, (id) => `https://other.example/files/${id}`],
  ['without an id', 400, () => 'https://other.example/'],
  ['with an id that is none', 400, (id) => `/files/${id}.txt`],
  ['with an id in the query alone', 404, (id) => `/files/?id=${id}`],
  ['with a stray percent sign', 400, (id) => `/files/%zz${id}`],
  ['with an id behind an encoded query', 400, (id) => `/files/%3F${id}`],
])('parts by URLs %s are refused with %i', async (_form, status, urlOf) => {
  const { url } = await startTus()
  const foreign = await createPart(url, randomBytes(10), 'token-ben')

  const joined = await joinUrls(url, [urlOf(foreign)])

  expect(joined.status).toBe(status)
  expect(await offsetOf(url, foreign, 'token-ben')).toBe(10)
})

test('a join of wrong parts is refused, and the parts stay', async () => {
  const { url, gateway } = await startTus({ MAX_FILE_SIZE: '10MB' })
  const part = await createPart(url, randomBytes(1000))
  const foreign = await createPart(url, randomBytes(1000), 'token-ben')
  const unfinished = await createTus(url, ANN, { 'upload-length': '9', 'upload-concat': 'partial' })
  const whole = await createTus(url, ANN, { 'upload-length': '5' })
  const large = [
    await createPart(url, randomBytes(6 * MiB)),
    await createPart(url, randomBytes(6 * MiB)),
  ]

  expect((await joinAll(url, [part, 'never-made'])).status).toBe(404)
  expect((await joinAll(url, [part, foreign])).status).toBe(404)
  expect((await joinAll(url, [part, whole])).status).toBe(404)
  expect((await joinAll(url, [part, unfinished])).status).toBe(400)
  expect((await joinAll(url, [part, part])).status).toBe(400)
  expect((await joinAll(url, large)).status).toBe(413)
  expect(await offsetOf(url, part)).toBe(1000)

  expect((await joinAll(url, [part])).status).toBe(201)
  await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
})

describe('an empty part', () => {
  test.each([1, 2, 3].flatMap((bytes) => [1, 2, 3, 4, 5].map((parts) => [bytes, parts] as const)))(
    'does not keep a file of %i bytes in %i parallel uploads from arriving',
    async (size, parallelUploads) => {
      const { url, gateway, adapters } = await startTus()
      const bytes = randomBytes(size)
      const { upload, finished } = makeTusUpload(url, bytes, { token: ANN, parallelUploads })

      upload.start()

      await pollToEnd(url, await finished)
      expect(gateway.posted.map((file) => file.bytes)).toEqual([bytes])
      await vi.waitFor(async () =>
        expect((await adapters.ledger.reservations()).reservedBytes).toBe(0),
      )
    },
  )

  test('may stand anywhere, reserves nothing, and is told to be whole', async () => {
    const { url, gateway, adapters } = await startTus()
    const bytes = Buffer.from('ab')
    const parts = [await createEmpty(url), await createPart(url, bytes), await createEmpty(url)]
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(2)

    const head = await fetch(`${url}/files/${parts[0]}`, {
      method: 'HEAD',
      headers: tusHeaders(ANN),
    })
    expect(head.headers.get('upload-length')).toBe('0')
    expect(head.headers.get('upload-offset')).toBe('0')

    const joined = await joinAll(url, parts)
    expect(joined.status).toBe(201)
    await pollToEnd(url, idIn(joined.headers.get('location')))
    expect(gateway.posted.map((file) => file.bytes)).toEqual([bytes])
  })

  test('takes no byte', async () => {
    const { url } = await startTus()
    const part = await createEmpty(url)

    expect((await patchTus(url, part, { offset: 0, bytes: Buffer.alloc(0) })).status).toBe(204)
    expect((await patchTus(url, part, { offset: 0, bytes: Buffer.alloc(1) })).status).toBe(413)
    expect((await patchTus(url, part, { offset: 1, bytes: Buffer.alloc(0) })).status).toBe(409)
    expect(await offsetOf(url, part)).toBe(0)
  })

  test('makes no file with others that are empty, which is said', async () => {
    const { url, gateway } = await startTus()
    const parts = [await createEmpty(url), await createEmpty(url)]

    const joined = await joinAll(url, parts)

    expect(joined.status).toBe(400)
    expect(await joined.json()).toEqual({
      code: 'EMPTY_FILE',
      error: 'The file is empty; Telegram takes no empty files',
      field: 'Upload-Concat',
    })
    expect(await offsetOf(url, parts[0] ?? '')).toBe(0)
    expect(gateway.posted).toEqual([])
  })

  test('outlives the worker', async () => {
    const dataDir = await makeTempDir()
    const first = await startTus({}, dataDir)
    const parts = [await createEmpty(first.url), await createPart(first.url, Buffer.from('x'))]
    await first.close()

    const { url, gateway } = await startTus({}, dataDir)
    expect(await offsetOf(url, parts[0] ?? '')).toBe(0)
    const joined = await joinAll(url, parts)

    expect(joined.status).toBe(201)
    await pollToEnd(url, idIn(joined.headers.get('location')))
    expect(gateway.posted.map((file) => file.bytes)).toEqual([Buffer.from('x')])
  })

  test('counts among the uploads that a user may have unfinished', async () => {
    const { url } = await startTus({ MAX_UPLOADS_PER_USER: '2' })
    await createEmpty(url)
    await createEmpty(url)

    await expect(createEmpty(url)).rejects.toThrow('TOO_MANY_UPLOADS')
  })
})

test('a part is never posted by itself, and a joined upload takes no bytes', async () => {
  const { url, gateway } = await startTus()
  const part = await createPart(url, randomBytes(1000))

  const completed = await postJson(`${url}/complete-upload`, { uploadId: part })
  expect(completed.status).toBe(400)
  expect(gateway.posted).toEqual([])

  const joined = idIn((await joinAll(url, [part])).headers.get('location'))
  const patched = await patchTus(url, joined, { offset: 1000, bytes: Buffer.alloc(0) })
  expect(patched.status).toBe(403)
})
