import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startWorker, testCredentials } from '../helpers/app.ts'
import { newUploadId, postChunk, postJson, uploadFile } from '../helpers/client.ts'
import { createFakeGateway } from '../helpers/fake-gateway.ts'

const LIMIT = 5
const known = { authorization: 'Bearer token-ann' }

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const limits = { MAX_FAILURES_PER_MINUTE: String(LIMIT), ...env }
  const worker = await startWorker({ env: limits, gateway, credentials: testCredentials })
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

function chunkOf(uploadId: string, authToken: string) {
  const bytes = Buffer.alloc(10)
  const fileSize = bytes.length
  return {
    uploadId,
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'a.bin',
    fileSize,
    authToken,
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
])('whoever guesses %s is asked to come again later', async (_name, refusal, guess) => {
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

test('a right guess learns no more than a wrong one', async () => {
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

test('asking for the same unknown upload again and again is no guessing', async () => {
  const { url } = await start()
  const ids = [newUploadId(), newUploadId(), newUploadId()]

  const statuses: number[] = []
  for (let poll = 0; poll < 4 * LIMIT; poll++) {
    for (const id of ids) statuses.push((await fetch(`${url}/upload-progress/${id}`)).status)
  }

  expect(new Set(statuses)).toEqual(new Set([404]))
})

test('a missing token, a bad field and a missing path count for nothing', async () => {
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

test('of IPv6 a whole /64 is one caller, and its neighbours are others', async () => {
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
])('an address cannot be made up where %s', async (_name, trust, first, second) => {
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

test('what render.yaml trusts tells callers apart on Render, whatever they write themselves', async () => {
  const blueprint = readFileSync(new URL('../../render.yaml', import.meta.url), 'utf8')
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
