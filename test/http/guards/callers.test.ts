import { expect, test } from 'vitest'
import { newUploadId, postChunk, postJson } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

async function start(env: Record<string, string> = {}) {
  return startWorker({ env, gateway: createFakeGateway(), credentials: testCredentials })
}

function open(url: string, authToken: string, uploadId = newUploadId(), fileSize = 10) {
  return postJson(`${url}/init-upload`, {
    uploadId,
    fileName: 'a.bin',
    totalChunks: 1,
    fileSize,
    authToken,
  })
}

const OTHERS: [
  string,
  (url: string, id: string, auth: Record<string, string>) => Promise<Response>,
][] = [
  ['complete', (url, uploadId, auth) => postJson(`${url}/complete-upload`, { uploadId }, auth)],
  ['progress', (url, id, headers) => fetch(`${url}/upload-progress/${id}`, { headers })],
  ['status', (url, id, headers) => fetch(`${url}/upload-status/${id}`, { headers })],
  ['cancel', (url, uploadId, auth) => postJson(`${url}/cancel-upload`, { uploadId }, auth)],
]

test.each(OTHERS)(
  'with REQUIRE_AUTH=always, %s needs the token of the owner',
  async (_name, call) => {
    const { url } = await start({ REQUIRE_AUTH: 'always' })
    const uploadId = newUploadId()
    await postChunk(url, {
      uploadId,
      chunkIndex: 0,
      totalChunks: 1,
      fileName: 'a.bin',
      fileSize: 10,
      authToken: 'token-ann',
      chunk: Buffer.alloc(10),
    })

    const without = await call(url, uploadId, {})
    const others = await call(url, uploadId, { authorization: 'Bearer token-bob' })
    const own = await call(url, uploadId, { authorization: 'Bearer token-ann' })

    expect(without.status).toBe(401)
    expect(await without.json()).toMatchObject({ code: 'TOKEN_MISSING' })
    expect(others.status).toBe(404)
    expect(own.status).toBe(200)
  },
)

test.each(OTHERS)(
  'with REQUIRE_AUTH=compatible, %s is open to every caller that knows the id',
  async (_name, call) => {
    const { url } = await start()
    const uploadId = newUploadId()
    await postChunk(url, {
      uploadId,
      chunkIndex: 0,
      totalChunks: 1,
      fileName: 'a.bin',
      fileSize: 10,
      authToken: 'token-ann',
      chunk: Buffer.alloc(10),
    })

    expect((await call(url, uploadId, {})).status).toBe(200)
  },
)

test.each(OTHERS)(
  '%s does not reveal to a refused token which uploads exist',
  async (_name, call) => {
    const { url } = await start({ REQUIRE_AUTH: 'always' })
    const uploadId = newUploadId()
    await open(url, 'token-ann', uploadId)
    const auth = { authorization: 'Bearer guessed' }

    const answers = await Promise.all([call(url, uploadId, auth), call(url, newUploadId(), auth)])

    expect(answers.map(({ status }) => status)).toEqual([401, 401])
  },
)

test('with REQUIRE_AUTH=always a ticket shows the progress it is for', async () => {
  const { url } = await start({ REQUIRE_AUTH: 'always' })
  const uploadId = newUploadId()
  await open(url, 'token-ann', uploadId)
  const issued = await postJson(`${url}/tickets`, { uploadId, authToken: 'token-ann' })
  const { url: link } = (await issued.json()) as { url: string }

  expect((await fetch(`${url}${link}`)).status).toBe(200)
})

test('an upload cannot be opened or continued by another user', async () => {
  const { url } = await start()
  const uploadId = newUploadId()
  await open(url, 'token-ann', uploadId)

  const opened = await open(url, 'token-bob', uploadId)
  const continued = await postChunk(url, {
    uploadId,
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'a.bin',
    fileSize: 10,
    authToken: 'token-bob',
    chunk: Buffer.alloc(10),
  })

  expect([opened.status, continued.status]).toEqual([404, 404])
})

test('a user at the limit of unfinished uploads is refused, and other users are not', async () => {
  const { url } = await start({ MAX_UPLOADS_PER_USER: '2' })
  const first = newUploadId()
  await open(url, 'token-ann', first)

  // Two at once for the last upload that is allowed.
  const answers = await Promise.all([open(url, 'token-ann'), open(url, 'token-ann')])
  const other = await open(url, 'token-bob')
  const again = await open(url, 'token-ann', first)
  await postJson(`${url}/cancel-upload`, { uploadId: first })
  const afterwards = await open(url, 'token-ann')

  const refused = answers.filter(({ status }) => status !== 200)
  expect(refused.map(({ status }) => status)).toEqual([429])
  expect(await refused[0]?.json()).toMatchObject({ code: 'TOO_MANY_UPLOADS' })
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect([other.status, again.status, afterwards.status]).toEqual([200, 200, 200])
})

test('the unfinished uploads of a user are limited in bytes', async () => {
  const { url } = await start({ MAX_BYTES_PER_USER: '1MB' })
  await open(url, 'token-ann', newUploadId(), 900_000)

  const refused = await open(url, 'token-ann', newUploadId(), 200_000)
  const other = await open(url, 'token-bob', newUploadId(), 200_000)

  expect(refused.status).toBe(507)
  expect(await refused.json()).toMatchObject({ code: 'QUOTA_EXCEEDED' })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(other.status).toBe(200)
})
