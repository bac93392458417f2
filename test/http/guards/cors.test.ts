import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { headersAskedFor } from '../../../src/http/guards/cors.ts'
import { postJson } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const origin = 'https://drive.example'

async function start(env: Record<string, string> = {}) {
  return startWorker({ env, gateway: createFakeGateway(), credentials: testCredentials })
}

test('a preflight lets chunks, ranges and resumable uploads through, and may be kept', async () => {
  const { url } = await start()

  const answer = await fetch(`${url}/files/some-upload`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'tus-resumable,upload-offset,content-type,authorization',
    },
  })

  expect(answer.status).toBe(204)
  const { headers } = answer
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('access-control-allow-credentials')).toBe(null)
  expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(600)
  expect(listOf(headers.get('access-control-allow-methods'))).toEqual(
    expect.arrayContaining(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  )
  expect(listOf(headers.get('access-control-allow-headers'))).toEqual(
    expect.arrayContaining(['Range', 'Authorization', 'Tus-Resumable', 'Upload-Offset']),
  )
})

/** What tools add to every call of a page. */
const TRACING = ['baggage', 'traceparent', 'tracestate', 'x-datadog-trace-id', 'x-csrf-token']

test.each(['/upload-chunk', '/files', '/files/some-upload', '/download', '/nothing'])(
  'a preflight of %s names every header that it asks for',
  async (path) => {
    const { url } = await start()

    const { headers, status } = await preflight(`${url}${path}`, `authorization,${TRACING}`)

    expect(status).toBe(204)
    expect(lowerListOf(headers.get('access-control-allow-headers'))).toEqual(
      expect.arrayContaining(['authorization', ...TRACING]),
    )
    expect(headers.get('access-control-allow-headers')).not.toContain('*')
    expect(headers.get('access-control-allow-credentials')).toBe(null)
    expect(listOf(headers.get('vary'))).toContain('Access-Control-Request-Headers')
  },
)

test.each([
  ['nothing', undefined, []],
  ['an empty list', ' , ,', []],
  ['names in capitals, and twice', 'X-One, x-one,X-TWO', ['x-one', 'x-two']],
  ['one that is allowed anyway', 'Content-Type', []],
  ['what is no name', 'x-good, two words, x:y, x\r\ny: z, <script>, é', ['x-good']],
  ['a star, which stands for nothing', '*, x-good', ['x-good']],
  ['a name that is too long', `${'x'.repeat(129)},x-good`, ['x-good']],
])('a preflight that asks for %s gets only names of headers', (_what, asked, added) => {
  const fixed = headersAskedFor(undefined)

  expect(headersAskedFor(asked)).toEqual([...fixed, ...added])
})

test('a preflight that asks for thousands of headers is allowed a hundred of them', () => {
  const asked = Array.from({ length: 5_000 }, (_, at) => `x-${at}`).join()

  const answered = headersAskedFor(asked)

  expect(answered.length - headersAskedFor(undefined).length).toBe(100)
})

test.each([
  ['every origin', {}, '*', 'true'],
  ['a listed origin', { CORS_ORIGINS: origin }, origin, 'true'],
  ['another origin than the listed', { CORS_ORIGINS: 'https://a.example' }, null, null],
])(
  'a preflight from %s may reach a private network only if its origin may call',
  async (_whose, env, allowed, mayReach) => {
    const { url } = await start(env)

    const { headers } = await preflight(`${url}/upload-chunk`, 'baggage', {
      'access-control-request-private-network': 'true',
    })

    expect(headers.get('access-control-allow-origin')).toBe(allowed)
    expect(headers.get('access-control-allow-private-network')).toBe(mayReach)
    expect(headers.get('access-control-allow-credentials')).toBe(null)
  },
)

test.each(['/', '/metrics', '/upload-progress/none'])(
  'with CORS_ORIGINS the answer to %s varies by the origin as well',
  async (path) => {
    const { url } = await start({ CORS_ORIGINS: origin })

    const { headers } = await fetch(`${url}${path}`, { headers: { origin } })

    expect(listOf(headers.get('vary'))).toEqual(['Origin', 'Accept'])
  },
)

test('a page may read the headers that describe a file or a resumable upload', async () => {
  const { url } = await start()

  const { headers } = await fetch(`${url}/health`, { headers: { origin } })

  expect(listOf(headers.get('access-control-expose-headers'))).toEqual(
    expect.arrayContaining([
      'Content-Disposition',
      'Content-Range',
      'ETag',
      'Location',
      'Repr-Digest',
      'Retry-After',
      'Tus-Extension',
      'Upload-Offset',
    ]),
  )
})

test.each<[string, number, (url: string) => Promise<Response>]>([
  ['no such path', 404, (url) => fetch(`${url}/nothing`, { headers: { origin } })],
  ['a path that cannot be decoded', 400, (url) => fetch(`${url}/%`, { headers: { origin } })],
  [
    'a body that is too large',
    413,
    (url) => postJson(`${url}/init-upload`, { fileName: 'x'.repeat(600_000) }, { origin }),
  ],
  ['no token', 401, (url) => fetch(`${url}/download?messageId=1`, { headers: { origin } })],
])('a page may read the refusal for %s', async (_name, status, call) => {
  const { url } = await start()

  const answer = await call(url)

  expect(answer.status).toBe(status)
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(await answer.json()).toMatchObject({ error: expect.any(String), code: expect.any(String) })
})

test('a page may read the refusal for a request that is no HTTP', async () => {
  const { url } = await start()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')

  socket.write('GET / HTTP/1.1\r\nHost: x\r\nno header at all\r\n\r\n')

  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 [\s\S]*access-control-allow-origin: \*/i)
})

test.each([
  ['a listed origin', 'https://a.example', 'https://a.example'],
  ['another', origin, null],
])(
  'with CORS_ORIGINS the refusal for too long headers from a page of %s has the right origin',
  async (_whose, from, allowed) => {
    const { url } = await start({ CORS_ORIGINS: 'https://a.example' })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')

    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nOrigin: ${from}\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`)

    const [head = ''] = (await text(socket)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 431 /)
    const [, told = null] = /^access-control-allow-origin: (.*)$/im.exec(head) ?? []
    expect(told).toBe(allowed)
  },
)

test('with CORS_ORIGINS only these origins may read a refusal', async () => {
  const { url } = await start({ CORS_ORIGINS: 'https://a.example' })
  const allowed = async (path: string, from: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { origin: from } })
    return answer.headers.get('access-control-allow-origin')
  }

  expect(await allowed('/%', 'https://a.example')).toBe('https://a.example')
  expect(await allowed('/nothing', 'https://a.example')).toBe('https://a.example')
  expect(await allowed('/%', origin)).toBe(null)
  expect(await allowed('/nothing', origin)).toBe(null)
})

function preflight(url: string, asked: string, more: Record<string, string> = {}) {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': asked,
    ...more,
  }
  return fetch(url, { method: 'OPTIONS', headers })
}

function lowerListOf(value: string | null): string[] {
  return listOf(value).map((item) => item.toLowerCase())
}

function listOf(value: string | null): string[] {
  return (value ?? '').split(',').map((item) => item.trim())
}

test.each([
  ['a listed one', { origin: 'https://drive.example' }, 101],
  ['this host, behind TLS', { origin: 'https://worker.example' }, 101],
  ['none, as programs are', {}, 101],
  ['another', { origin: 'https://evil.example' }, 403],
  ['a sandboxed page', { origin: 'null' }, 403],
])(
  'with CORS_ORIGINS a socket from a page of %s is answered with %s',
  async (_whose, from, status) => {
    const { url } = await start({ CORS_ORIGINS: 'https://drive.example' })

    const answer = await upgrade(`${url}/ws/ann?token=token-ann`, from)

    expect(answer).toBe(status)
  },
)

/** A `WebSocket` would set the origin itself. */
async function upgrade(url: string, origin: Record<string, string>): Promise<number> {
  const asked = request(url, {
    headers: {
      host: 'worker.example',
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...origin,
    },
  }).end()
  const [answer, socket] = await Promise.race([once(asked, 'upgrade'), once(asked, 'response')])
  socket?.destroy()
  return answer.statusCode
}
