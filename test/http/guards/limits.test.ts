import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { installMinUploadRate } from '../../../src/http/connections/min-upload-rate.ts'
import { NODE_LIMITS, trustedProxies } from '../../../src/http/guards/limits.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { newUploadId, postJson } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

async function start(env: Record<string, string> = {}) {
  return startWorker({ env, gateway: createFakeGateway(), credentials: testCredentials })
}

function open(url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  return socket
}

/** Sends it as it is and resolves with all that comes back until the connection is closed. */
function exchange(url: string, request: string): Promise<string> {
  const socket = open(url)
  socket.on('error', () => {})
  socket.write(request)
  return text(socket)
}

const JSON_HEAD = 'POST /init-upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const FORM_HEAD =
  'POST /upload-chunk HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n'

test.each([
  ['a URL', `GET /health?${'x'.repeat(17 * KiB)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a header', `GET /health HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(17 * KiB)}\r\n\r\n`],
  [
    '101 headers',
    `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${'a: b\r\n'.repeat(101)}\r\n`,
  ],
])('%s beyond the limit is refused with 431', async (_name, request) => {
  const { url } = await start()

  const answer = await exchange(url, request)

  expect(answer).toMatch(/^HTTP\/1\.1 431 /)
  expect(answer).toContain('"code":"HEADERS_TOO_LARGE"')
})

test('the time for headers to arrive is limited', () => {
  expect(NODE_LIMITS.headersTimeout).toBeLessThanOrEqual(30_000)
  expect(NODE_LIMITS.connectionsCheckingInterval).toBeLessThanOrEqual(10_000)
})

test('a whole file over 50 MB is refused as a file, not as a chunk', async () => {
  const { url } = await start()
  const form = new FormData()
  form.set('authToken', 'token-ann')
  form.set('file', new Blob([Buffer.alloc(50 * MiB + 1)]), 'a.bin')

  const answer = await fetch(`${url}/upload`, { method: 'POST', body: form })

  expect(answer.status).toBe(413)
  expect(await answer.json()).toEqual({
    error: 'One request takes 50 MB; send a larger file in chunks',
    code: 'FILE_TOO_LARGE',
    maxFileSize: 50 * MiB,
  })
})

test.each([
  ['a long name', { fileName: 'x'.repeat(1025) }, 'fileName: expected 1024 characters at most'],
  ['no name', { fileName: '' }, 'fileName: is empty'],
  ['a number for a name', { fileName: 7 }, 'fileName: expected a string'],
  ['too many chunks', { totalChunks: 16_385 }, 'totalChunks: expected 16384 at most'],
  ['no chunk', { totalChunks: 0 }, 'totalChunks: expected 1 at least'],
  ['half a byte', { fileSize: 1.5 }, 'fileSize: expected a whole number'],
  ['a word for a size', { fileSize: 'many' }, 'fileSize: expected a whole number'],
])('%s is refused with a sentence', async (_name, wrong, error) => {
  const { url } = await start()
  const right = { uploadId: newUploadId(), fileName: 'a', totalChunks: 1, fileSize: 1 }

  const answer = await postJson(`${url}/init-upload`, { ...right, ...wrong })

  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ error, code: 'INVALID_REQUEST' })
})

test.each([
  ['/complete-upload', 64],
  ['/init-upload', 512],
])('JSON for %s of more than %i KB is refused with 413', async (path, limit) => {
  const { url } = await start()

  const answer = await postJson(`${url}${path}`, { uploadId: 'x'.repeat(limit * KiB) })

  expect(answer.status).toBe(413)
  expect(await answer.json()).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
})

test.each([
  ['a form', '/init-upload', 'multipart/form-data; boundary=b'],
  ['a form', '/tickets', 'application/x-www-form-urlencoded'],
  ['text', '/cancel-upload', 'text/plain'],
  ['JSON', '/upload-chunk', 'application/json'],
  ['JSON', '/upload', 'application/json'],
  ['bytes', '/upload-chunk', 'application/octet-stream'],
])('%s is refused by POST %s, which takes another type', async (_name, path, type) => {
  const { url } = await start()

  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': type },
    body: '{}',
  })

  expect(answer.status).toBe(415)
  expect(await answer.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
})

test.each([
  '{"__proto__":{"uploadId":"x"}}',
  '{"uploadId":"x","a":{"b":{"__proto__":{}}}}',
  '{"constructor":{"prototype":{"uploadId":"x"}}}',
])('a poisoned prototype is refused: %s', async (body) => {
  const { url } = await start()

  const answer = await fetch(`${url}/complete-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })

  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST' })
  expect({}).not.toHaveProperty('uploadId')
})

function field(name: string, value: string): string {
  return `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
}

test.each([
  ['40 fields', Array.from({ length: 40 }, (_, index) => field(`f${index}`, 'x')).join('')],
  ['a field of 65 KB', field('fileName', 'x'.repeat(65 * KiB))],
  ['a name of 101 characters', field('n'.repeat(101), 'x').repeat(40)],
  ['an endless preamble', 'x'.repeat(5 * MiB)],
])('a form with %s is refused', async (_name, body) => {
  const { url } = await start({ MAX_CHUNK_SIZE: '1MB' })

  const answer = await fetch(`${url}/upload-chunk`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: `${body}--b--\r\n`,
  })

  expect([400, 413]).toContain(answer.status)
  expect(await answer.json()).toMatchObject({ error: expect.any(String), code: expect.any(String) })
})

test('the bytes behind the end of a form are limited', async () => {
  const { url } = await start({ MAX_CHUNK_SIZE: '1MB' })

  const answer = await fetch(`${url}/upload-chunk`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: `${field('uploadId', 'x')}--b--\r\n${'x'.repeat(5 * MiB)}`,
  })

  expect(answer.status).toBe(413)
})

test.each([
  ['JSON', `${JSON_HEAD}Content-Length: 100\r\n\r\n{"uploadId":`],
  ['JSON in pieces', `${JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{"upl`],
  ['a form before its file', `${FORM_HEAD}Content-Length: 1000\r\n\r\n--b\r\nContent-Disp`],
  [
    'a form in the middle of its file',
    `${FORM_HEAD}Content-Length: 1000\r\n\r\n--b\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n\r\nbytes`,
  ],
  [
    'what no call reads',
    `${JSON_HEAD.replace('/init-upload', '/nothing')}Content-Length: 9\r\n\r\n{`,
  ],
])('a sender that stops in the middle of %s is cut', async (_name, request) => {
  const { url } = await start({ STALL_SECONDS: '1' })

  const answer = await exchange(url, request)

  if (!request.includes('/nothing')) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(answer).toContain('"code":"REQUEST_TIMEOUT"')
    expect(answer).toMatch(/connection: close/i)
  }
})

test('a sender that pauses for less than STALL_SECONDS, again and again, is not cut', async () => {
  // Time passes as the test says, with the worker's looks on the way, however slow the machine is.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const { url, app } = await start({ STALL_SECONDS: '2' })
  const connected = once(app.server.server, 'connection')
  const socket = open(url)
  const [served] = (await connected) as [Socket]
  const body = JSON.stringify({
    uploadId: newUploadId(),
    fileName: 'a',
    totalChunks: 1,
    fileSize: 1,
    authToken: 'token-ann',
  })
  const head = `${JSON_HEAD}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`
  const pieces = [head, ...(body.match(/.{1,20}/g) ?? [])]

  const answer = text(socket)
  let sent = 0
  for (const piece of pieces) {
    socket.write(piece)
    sent += Buffer.byteLength(piece)
    // Not vi.waitFor, which would move the clock.
    while (served.bytesRead < sent && !served.destroyed) await turn()
    vi.advanceTimersByTime(1_900)
  }

  expect(await answer).toMatch(/^HTTP\/1\.1 200 /)
})

test('a body that trickles is cut although it never pauses for long', async () => {
  const app = fastify({ forceCloseConnections: true })
  const limits = { stallMs: 2_000, windowMs: 300, minBytesPerSecond: 1024 }
  installMinUploadRate(app, limits)
  app.post('/', async () => 'read')
  onTestFinished(() => app.close())
  const socket = open(await app.listen({ port: 0, host: '127.0.0.1' }))
  socket.on('error', () => {})

  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n',
  )
  const timer = setInterval(() => socket.write(' '), 50)
  onTestFinished(() => clearInterval(timer))
  socket.resume()
  // A write that meets the cut is an error, and "once" would throw it.
  await new Promise((resolve) => socket.once('close', resolve))

  expect(socket.destroyed).toBe(true)
})

test('a stalled sender gets its refusal even if that takes a while', async () => {
  const app = fastify({ forceCloseConnections: true })
  installMinUploadRate(app, { stallMs: 100 })
  app.post('/', async () => 'read')
  // As one that puts on disk first what has come.
  app.setErrorHandler(async (_error, _request, reply) => {
    await pause(1_500)
    return reply.code(408).send('refused')
  })
  onTestFinished(() => app.close())

  const answer = await exchange(
    await app.listen({ port: 0, host: '127.0.0.1' }),
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  )

  expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*refused$/)
})

test('the body of a GET is not waited for', async () => {
  const { url } = await start()

  const answer = await exchange(
    url,
    'GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n',
  )

  expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close/i)
})

test.each<[string, boolean]>([
  ['10.21.157.68', true],
  ['127.0.0.1', true],
  ['::1', true],
  ['::ffff:10.1.2.3', true],
  ['fd00::7', true],
  ['203.0.113.9', false],
  ['2001:db8::1', false],
  ['unknown', false],
])(
  'with a number for TRUST_PROXY, a connection from %s counts as a proxy: %s',
  (address, expected) => {
    const trust = trustedProxies(2)
    if (typeof trust !== 'function') throw new Error('no function')

    expect(trust(address, 0)).toBe(expected)
    expect(trust('104.16.1.1', 1)).toBe(true)
    expect(trust('203.0.113.9', 2)).toBe(false)
  },
)

test('the number of requests on one connection is limited', async () => {
  const { app } = await start()

  expect(app.server.server.maxRequestsPerSocket).toBe(2_000)
})
