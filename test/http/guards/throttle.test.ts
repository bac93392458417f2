import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { CredentialsProvider } from '../../../src/core/ports/credentials.ts'
import {
  chunkForm,
  newUploadId,
  postChunk,
  postJson,
  uploadFile,
} from '../../helpers/callers/client.ts'
import { createTus, patchTus, tusHeaders } from '../../helpers/callers/tus.ts'
import { makePicture } from '../../helpers/jpeg.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const LIMIT = 5

/** Users may have several tokens: `token-eve-again` is another one of eve's. */
const credentials: CredentialsProvider = {
  forUpload: (token) => testCredentials.forUpload(token.replace(/-again$/, '')),
  forRunningUpload: (token) => testCredentials.forRunningUpload(token.replace(/-again$/, '')),
  forDownload: testCredentials.forDownload,
}

const known = { authorization: 'Bearer token-ann' }

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const limits = { MAX_FAILURES_PER_MINUTE: String(LIMIT), ...env }
  const worker = await startWorker({ env: limits, gateway, credentials })
  return { ...worker, gateway }
}

function guessUpload(url: string, headers: Record<string, string> = {}) {
  return fetch(`${url}/upload-progress/${newUploadId()}`, { headers })
}

/** As many wrong guesses as an address has. */
async function exhaust(url: string, headers: Record<string, string> = {}): Promise<void> {
  for (let guess = 0; guess < LIMIT; guess++) {
    expect((await guessUpload(url, headers)).status).toBe(404)
  }
}

const TUS = { 'tus-resumable': '1.0.0' }
const EVE = { authorization: 'Bearer token-eve' }

function fileOf(uploadId: string) {
  return { uploadId, fileName: 'a.bin', totalChunks: 1, fileSize: 10 }
}

function tusCall(
  method: string,
  url: string,
  uploadId: string,
  more: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${url}/files/${uploadId}`, { method, headers: tusHeaders(null, more) })
}

function chunkOf(uploadId: string, authToken?: string) {
  const bytes = Buffer.alloc(10)
  const fileSize = bytes.length
  return {
    uploadId,
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'a.bin',
    fileSize,
    ...(authToken !== undefined && { authToken }),
    chunk: bytes,
  }
}

let guesses = 0

test.each<[string, number, (url: string) => Promise<Response>]>([
  ['an upload id', 404, (url) => guessUpload(url)],
  [
    'a token in the query',
    401,
    (url) => fetch(`${url}/download?messageId=1&token=guess-${guesses++}`),
  ],
  [
    'a token in the header',
    401,
    (url) =>
      fetch(`${url}/tickets`, {
        method: 'DELETE',
        headers: { authorization: `Bearer guess-${guesses++}` },
      }),
  ],
  [
    'a token in a form, before or behind the file',
    401,
    (url) =>
      postChunk(
        url,
        chunkOf(newUploadId(), `guess-${guesses++}`),
        guesses % 2 === 0 ? 'first' : 'last',
      ),
  ],
  [
    'a ticket',
    401,
    (url) => fetch(`${url}/upload-progress/x?token=tkt_${'A'.repeat(90)}${guesses++}`),
  ],
  [
    'a message, with a link that is tied to none',
    404,
    (url) => fetch(`${url}/download?messageId=${1000 + guesses++}&token=link-token-ann`),
  ],
])('guesses of %s end with 429 and Retry-After', async (_name, refusal, guess) => {
  const { url } = await start()

  const answers: Response[] = []
  for (let count = 0; count <= LIMIT; count++) answers.push(await guess(url))

  const last = answers.pop()
  expect(answers.map(({ status }) => status)).toEqual(Array(LIMIT).fill(refusal))
  expect(last?.status).toBe(429)
  expect(await last?.json()).toMatchObject({
    code: 'TOO_MANY_REQUESTS',
    error: expect.any(String),
  })
  expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(last?.headers.get('access-control-allow-origin')).toBe('*')
})

test('a right guess over the limit is answered like a wrong one', async () => {
  const { url } = await start({ TRUST_PROXY: 'loopback' })
  const uploadId = newUploadId()
  const elsewhere = { 'x-forwarded-for': '203.0.113.7' }
  const opening = { uploadId, fileName: 'a', totalChunks: 1, fileSize: 1 }
  await postJson(`${url}/init-upload`, opening, { ...known, ...elsewhere })
  await exhaust(url)

  const answers = await Promise.all([
    fetch(`${url}/upload-progress/${uploadId}`),
    fetch(`${url}/tickets`, { method: 'DELETE', headers: { authorization: 'Bearer token-eve' } }),
    postChunk(url, chunkOf(newUploadId(), 'token-eve')),
    // A good token beside the guess does not cover for it.
    postJson(`${url}/cancel-upload?token=token-ann`, { uploadId, authToken: 'token-eve' }),
  ])

  expect(answers.map(({ status }) => status)).toEqual([429, 429, 429, 429])
})

/** Every call that takes an uploadId, by its operation; `more` goes behind its path. */
const CALLS: Record<string, (url: string, uploadId: string, more: string) => Promise<Response>> = {
  initUpload: (url, uploadId, more) => postJson(`${url}/init-upload${more}`, fileOf(uploadId)),
  uploadChunk: (url, uploadId, more) =>
    fetch(`${url}/upload-chunk${more}`, { method: 'POST', body: chunkForm(chunkOf(uploadId)) }),
  completeUpload: (url, uploadId, more) => postJson(`${url}/complete-upload${more}`, { uploadId }),
  cancelUpload: (url, uploadId, more) => postJson(`${url}/cancel-upload${more}`, { uploadId }),
  uploadStatus: (url, uploadId, more) => fetch(`${url}/upload-status/${uploadId}${more}`),
  uploadProgress: (url, uploadId) => fetch(`${url}/upload-progress/${uploadId}`),
  putThumbnail: (url, uploadId, more) =>
    fetch(`${url}/upload-thumbnail/${uploadId}${more}`, {
      method: 'PUT',
      headers: { 'content-type': 'image/jpeg' },
      body: Uint8Array.from(makePicture(9, 9)),
    }),
  issueTicket: (url, uploadId, more) => postJson(`${url}/tickets${more}`, { uploadId }),
  tusHead: (url, uploadId, more) => tusCall('HEAD', url, uploadId + more),
  tusPatch: (url, uploadId, more) =>
    patchTus(url, uploadId + more, { offset: 0, bytes: Buffer.alloc(0), token: null }),
  tusDelete: (url, uploadId, more) => tusCall('DELETE', url, uploadId + more),
  tusOverride: (url, uploadId, more) =>
    tusCall('POST', url, uploadId + more, { 'x-http-method-override': 'HEAD' }),
}

test('the calls below are all that take an uploadId', async () => {
  const { url } = await start()
  const document = await (await fetch(`${url}/docs/json`)).json()

  const taking = Object.entries<Record<string, Described>>(document.paths).flatMap(
    ([path, methods]) =>
      Object.values(methods).flatMap(({ operationId, requestBody }) => {
        const inBody = JSON.stringify(requestBody ?? null).includes('"uploadId":{')
        return path.includes('{uploadId}') || inBody ? [operationId] : []
      }),
  )

  // One of them does not look at it.
  expect(taking.filter((id) => id !== 'tusOptionsOfFile').toSorted()).toEqual(
    Object.keys(CALLS).toSorted(),
  )
})

interface Described {
  operationId: string
  requestBody?: unknown
}

test.each(Object.entries(CALLS))(
  'a good token where %s does not look for one is not used',
  async (name, call) => {
    const { url } = await start({ TRUST_PROXY: 'loopback' })
    const uploadId = newUploadId()
    await postJson(`${url}/init-upload`, fileOf(uploadId), {
      ...known,
      'x-forwarded-for': '203.0.113.7',
    })
    await exhaust(url)

    const answer = await call(url, uploadId, '?token=token-ann')

    // A chunk's form has no token at all then, which is said of any id.
    expect(answer.status).toBe(name === 'uploadChunk' ? 401 : 429)
  },
)

test('an id that a call does not look at does not count as used by the address', async () => {
  const { url } = await start({ TRUST_PROXY: 'loopback' })
  const uploadId = newUploadId()
  const elsewhere = { 'x-forwarded-for': '203.0.113.7' }
  await postJson(`${url}/init-upload`, fileOf(uploadId), { ...known, ...elsewhere })
  await exhaust(url)

  const revoked = await fetch(`${url}/tickets`, {
    method: 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ authToken: 'token-ann', uploadId }),
  })

  expect(revoked.status).toBe(200)
  expect((await fetch(`${url}/upload-status/${uploadId}`)).status).toBe(429)
})

test('of several tokens only the one that the route checks counts', async () => {
  const { url } = await start()
  const uploadId = newUploadId()
  await postJson(`${url}/init-upload`, fileOf(uploadId), known)
  await exhaust(url)
  const bad = { authorization: 'Bearer token-eve' }

  const answers = await Promise.all([
    postJson(`${url}/complete-upload`, { uploadId, authToken: 'guess' }, known),
    fetch(`${url}/upload-progress/${uploadId}?token=guess`, { headers: known }),
    postJson(`${url}/cancel-upload`, { uploadId, authToken: 'token-ann' }, bad),
    fetch(`${url}/upload-progress/${uploadId}?token=token-ann`, { headers: bad }),
  ])

  expect(answers.map(({ status }) => status)).toEqual([400, 200, 429, 429])
})

test('with a good token the guesses of a user count, from all addresses and with all tokens', async () => {
  const { url } = await start({ TRUST_PROXY: 'loopback' })
  const own = newUploadId()
  await postChunk(url, { ...chunkOf(own), authToken: 'token-eve' })
  const as = (token: string, address: string) => ({
    authorization: `Bearer ${token}`,
    'x-forwarded-for': address,
  })

  for (let guess = 0; guess < LIMIT; guess++) {
    const headers = as(guess % 2 ? 'token-eve' : 'token-eve-again', `203.0.113.${guess}`)
    const answer = await fetch(`${url}/upload-status/${newUploadId()}`, { headers })
    expect(answer.status).toBe(404)
  }

  const eve = as('token-eve', '198.51.100.1')
  const refused = await Promise.all([
    guessUpload(url, eve),
    guessUpload(url, as('token-eve-again', '198.51.100.2')),
    postJson(`${url}/init-upload`, fileOf(newUploadId()), eve),
    postJson(`${url}/tickets`, { uploadId: newUploadId() }, eve),
    fetch(`${url}/files/${newUploadId()}`, { method: 'HEAD', headers: { ...eve, ...TUS } }),
  ])
  expect(refused.map(({ status }) => status)).toEqual([429, 429, 429, 429, 429])
  expect(await refused[0]?.json()).toMatchObject({ code: 'TOO_MANY_REQUESTS' })
  const passing = await Promise.all([
    fetch(`${url}/upload-status/${own}`, { headers: eve }),
    postJson(`${url}/complete-upload`, { uploadId: own }, eve),
    fetch(`${url}/jobs`, { headers: eve }),
    // Others behind these addresses have done nothing.
    guessUpload(url, as('token-ann', '198.51.100.1')),
    guessUpload(url, { 'x-forwarded-for': '198.51.100.1' }),
  ])
  expect(passing.map(({ status }) => status)).toEqual([200, 200, 200, 404, 404])
  expect(await createTus(url, 'token-eve', { 'upload-length': '1' })).toBeTruthy()
})

test.each<[string, (url: string, uploadId: string) => Promise<Response>]>([
  ['init', (url, uploadId) => postJson(`${url}/init-upload`, fileOf(uploadId), EVE)],
  [
    'a chunk',
    (url, uploadId) => postChunk(url, { ...chunkOf(uploadId), authToken: 'token-eve' }, 'last'),
  ],
])('%s reveals only a few ids that other users have', async (_name, open) => {
  const { url } = await start({ MAX_FAILURES_PER_MINUTE: '300' })
  const taken = Array.from({ length: 20 }, newUploadId)
  for (const uploadId of taken) {
    await postJson(`${url}/init-upload`, fileOf(uploadId), known)
    // What was asked before counts where it tells more.
    await fetch(`${url}/upload-status/${uploadId}`, { headers: EVE })
  }

  const statuses: number[] = []
  for (const uploadId of taken) statuses.push((await open(url, uploadId)).status)

  expect(statuses).toEqual([...Array(10).fill(404), ...Array(10).fill(429)])
  expect((await open(url, newUploadId())).status).toBe(429)
  expect((await postJson(`${url}/init-upload`, fileOf(newUploadId()), known)).status).toBe(200)
})

test('guesses with a link do not use up those of the user that shared it', async () => {
  const { url } = await start()
  const { messageId } = await uploadFile(url, 'a.bin', Buffer.alloc(10), { token: 'token-ann' })
  const link = `${url}/download?token=link-token-ann&messageId=`
  await fetch(link + messageId)

  for (let guess = 0; guess < 2 * LIMIT; guess++) await fetch(`${link}${1000 + guess}`)

  expect((await guessUpload(url, known)).status).toBe(404)
})

test('behind the same address, known tokens and uploads go on', async () => {
  const { url } = await start()
  const { messageId } = await uploadFile(url, 'a.bin', Buffer.alloc(10), { token: 'token-ann' })
  const uploadId = newUploadId()
  await postChunk(url, chunkOf(uploadId, 'token-ann'))
  await exhaust(url)

  const answers = await Promise.all([
    fetch(`${url}/download?messageId=${messageId}&token=token-ann`),
    postJson(`${url}/tickets`, { messageId, authToken: 'token-ann' }),
    postChunk(url, chunkOf(newUploadId(), 'token-ann')),
    postJson(`${url}/complete-upload`, { uploadId }),
    fetch(`${url}/upload-progress/${uploadId}`),
    fetch(`${url}/health`),
    fetch(url, { headers: { accept: 'text/html' } }),
  ])

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200])
})

test('a link that has opened its file goes on opening it, and nothing else', async () => {
  const { url } = await start()
  const { messageId } = await uploadFile(url, 'a.bin', Buffer.alloc(10), { token: 'token-ann' })
  const link = `${url}/download?token=link-token-ann&messageId=`
  await fetch(link + messageId)
  await exhaust(url)

  expect((await fetch(link + messageId)).status).toBe(200)
  expect((await fetch(`${link}77`)).status).toBe(403)
  expect((await fetch(`${url}/download?token=link-token-bob&messageId=${messageId}`)).status).toBe(
    429,
  )
})

test('repeated requests for the same unknown upload count once', async () => {
  const { url } = await start()
  const ids = [newUploadId(), newUploadId(), newUploadId()]

  const statuses: number[] = []
  for (let poll = 0; poll < 4 * LIMIT; poll++) {
    for (const id of ids) statuses.push((await fetch(`${url}/upload-progress/${id}`)).status)
  }

  expect(new Set(statuses)).toEqual(new Set([404]))
})

test('a missing token, a bad field and an unknown path are no guesses', async () => {
  const { url } = await start({ REQUIRE_AUTH: 'always' })

  for (let call = 0; call < LIMIT; call++) {
    await guessUpload(url)
    await fetch(`${url}/download?messageId=${call + 1}`)
    await fetch(`${url}/nothing-${call}`)
    await postJson(`${url}/init-upload`, { uploadId: '../x' })
  }

  const answer = await fetch(`${url}/upload-progress/x`, { headers: known })
  expect(answer.status).toBe(404)
})

test('guesses that arrive at once on one connection end at the limit as well', async () => {
  const { url } = await start()

  const statuses = await Promise.all(
    Array.from({ length: 20 }, async () => (await guessUpload(url)).status),
  )

  expect(statuses.filter((status) => status === 404).length).toBeLessThanOrEqual(LIMIT)
})

test('a whole /64 of IPv6 is one caller, and its neighbour is another', async () => {
  const { url } = await start({ TRUST_PROXY: 'loopback' })
  const from = (address: string) => ({ 'x-forwarded-for': address })
  for (let host = 1; host <= LIMIT; host++) await guessUpload(url, from(`2001:db8:1:2::${host}`))

  expect((await guessUpload(url, from('2001:db8:1:2:ffff::9'))).status).toBe(429)
  expect((await guessUpload(url, from('2001:db8:1:3::1'))).status).toBe(404)
})

test.each([
  ['no proxy is trusted', 'false', '198.51.100.1', '203.0.113.9'],
  [
    'one hop is, and the caller wrote its own entry',
    '1',
    '6.6.6.1, 203.0.113.9',
    '6.6.6.2, 203.0.113.9',
  ],
  [
    'addresses are, two of them',
    'loopback, 104.16.0.0/13',
    '6.6.6.1, 203.0.113.9, 104.16.1.1',
    '6.6.6.2, 203.0.113.9, 104.17.9.9',
  ],
  ['the proxy writes ports', '1', '203.0.113.9:4001', '203.0.113.9:4002'],
  ['the proxy writes ports of IPv6', '1', '[2001:db8::1]:4001', '[2001:db8::1]:4002'],
  ['the entry is no address', '1', 'someone', 'someone-else'],
])('a forged address does not count if %s', async (_name, trust, first, second) => {
  const { url } = await start({ TRUST_PROXY: trust })
  await exhaust(url, { 'x-forwarded-for': first })

  expect((await guessUpload(url, { 'x-forwarded-for': second })).status).toBe(429)
})

test.each([
  ['2', '203.0.113.1, 10.0.0.1', '203.0.113.2, 10.0.0.1'],
  [
    'loopback, uniquelocal, 104.16.0.0/13',
    '203.0.113.1, 104.16.1.1, 10.0.0.1',
    '203.0.113.2, 104.16.1.1',
  ],
])('with TRUST_PROXY=%s callers behind one proxy are told apart', async (trust, first, second) => {
  const { url } = await start({ TRUST_PROXY: trust })
  await exhaust(url, { 'x-forwarded-for': first })

  expect((await guessUpload(url, { 'x-forwarded-for': first })).status).toBe(429)
  expect((await guessUpload(url, { 'x-forwarded-for': second })).status).toBe(404)
})

test('with the TRUST_PROXY of render.yaml callers are told apart on Render, whatever they forge', async () => {
  const blueprint = readFileSync(new URL('../../../render.yaml', import.meta.url), 'utf8')
  const [, trust = ''] = /key: TRUST_PROXY\s+value: "(.+)"/.exec(blueprint) ?? []
  const { url } = await start({ TRUST_PROXY: trust })
  const from = (caller: string, edge: string) => ({
    'x-forwarded-for': `6.6.6.${guesses++ % 250}, ${caller}, ${edge}, 10.21.157.68`,
  })

  for (let guess = 0; guess < LIMIT; guess++) {
    await guessUpload(url, from('203.0.113.1', '104.22.17.40'))
  }

  expect((await guessUpload(url, from('203.0.113.1', '172.70.1.1'))).status).toBe(429)
  expect((await guessUpload(url, from('203.0.113.2', '104.22.17.40'))).status).toBe(404)
})
