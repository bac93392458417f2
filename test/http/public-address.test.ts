import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request as openRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { rootFrom } from '../../src/http/public-address.ts'
import { tusHeaders } from '../helpers/callers/tus.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const ANN = 'token-ann'
const PUBLIC = {
  'x-forwarded-host': 'worker.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-prefix': '/tele',
}
/** Headers of a caller that wants links to lead elsewhere. */
const FORGED = {
  host: 'evil.example',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-prefix': '/evil',
  forwarded: 'host=evil.example;proto=https',
  'x-original-url': '/evil',
}

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const bytes = Buffer.from('bytes')
  gateway.posted.push({ messageId: 1, name: 'a.txt', mimeType: 'text/plain', bytes })
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

test.each([
  ['nothing is known', {}, {}, '/files', /^files\/[\w-]{20,128}$/],
  ['it was asked with a slash', {}, {}, '/files/', /^[\w-]{20,128}$/],
  ['it was asked with a query', {}, {}, '/files?a=/b/', /^files\/[\w-]{20,128}$/],
  ['a stranger says where it is', {}, FORGED, '/files', /^files\/[\w-]{20,128}$/],
  [
    'a proxy says where it is',
    { TRUST_PROXY: 'loopback' },
    PUBLIC,
    '/files',
    /^https:\/\/worker\.example\/tele\/files\/[\w-]{20,128}$/,
  ],
  [
    'the nearest of some proxies says where it is',
    { TRUST_PROXY: '2' },
    {
      'x-forwarded-host': 'evil.example, worker.example',
      'x-forwarded-proto': 'http, https',
      'x-forwarded-prefix': '/evil, /tele',
    },
    '/files/',
    /^https:\/\/worker\.example\/tele\/files\/[\w-]{20,128}$/,
  ],
  [
    'a proxy does not say by which scheme it was asked',
    { TRUST_PROXY: 'loopback' },
    { 'x-forwarded-host': 'worker.example' },
    '/files',
    /^files\/[\w-]{20,128}$/,
  ],
  [
    'another address than the trusted one says where it is',
    { TRUST_PROXY: '10.0.0.1' },
    FORGED,
    '/files',
    /^files\/[\w-]{20,128}$/,
  ],
  [
    'the operator says where it is, and a proxy repeats what a stranger says',
    { TRUST_PROXY: 'loopback', PUBLIC_URL: 'https://files.example/tele/' },
    FORGED,
    '/files/',
    /^https:\/\/files\.example\/tele\/files\/[\w-]{20,128}$/,
  ],
  [
    'Render says where it is',
    { RENDER_EXTERNAL_URL: 'https://tele.onrender.com' },
    {},
    '/files',
    /^https:\/\/tele\.onrender\.com\/files\/[\w-]{20,128}$/,
  ],
  [
    'Render says where it is, and a trusted proxy in front of it knows better',
    { TRUST_PROXY: 'loopback', RENDER_EXTERNAL_URL: 'https://tele.onrender.com' },
    PUBLIC,
    '/files',
    /^https:\/\/worker\.example\/tele\/files\/[\w-]{20,128}$/,
  ],
  [
    'Render says where it is, and a trusted proxy does not say it whole',
    { TRUST_PROXY: 'loopback', RENDER_EXTERNAL_URL: 'https://tele.onrender.com' },
    { 'x-forwarded-host': 'worker.example' },
    '/files',
    /^https:\/\/tele\.onrender\.com\/files\/[\w-]{20,128}$/,
  ],
  [
    'Render says where it is, and so does a stranger',
    { RENDER_EXTERNAL_URL: 'https://tele.onrender.com' },
    FORGED,
    '/files',
    /^https:\/\/tele\.onrender\.com\/files\/[\w-]{20,128}$/,
  ],
])('when %s, Location has the right address', async (_when, env, headers, path, location) => {
  const { url } = await start(env)

  const answer = await ask(`${url}${path}`, 'POST', {
    ...tusHeaders(ANN, { 'upload-length': '10' }),
    ...headers,
  })

  expect(answer.statusCode).toBe(201)
  expect(answer.headers.location).toMatch(location)
})

test.each([
  ['/files', '/files/'],
  ['/files/', '/files/'],
])('the relative Location of a POST to %s leads to the upload below any prefix', async (path) => {
  const { url } = await start()

  const { headers } = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: tusHeaders(ANN, { 'upload-length': '10' }),
  })
  const location = headers.get('location') ?? ''

  for (const prefix of ['', '/tele', '/a/b']) {
    const resolved = new URL(location, `https://worker.example${prefix}${path}`)
    expect(resolved.href).toBe(
      `https://worker.example${prefix}/files/${location.split('/').at(-1)}`,
    )
  }
})

test.each([
  ['no one', {}, {}, null, '..'],
  ['a stranger', {}, FORGED, null, '..'],
  [
    'a trusted proxy',
    { TRUST_PROXY: 'loopback' },
    PUBLIC,
    'https://worker.example/tele',
    'https://worker.example/tele',
  ],
  [
    'the operator',
    { PUBLIC_URL: 'https://Files.Example/' },
    FORGED,
    'https://files.example',
    'https://files.example',
  ],
])('links and the document, with an address from %s', async (_who, env, headers, root, server) => {
  const { url } = await start(env)

  const asked = { authorization: `Bearer ${ANN}`, 'content-type': 'application/json', ...headers }
  const answer = await ask(`${url}/tickets`, 'POST', asked, JSON.stringify({ messageId: 1 }))
  const ticket = JSON.parse(await text(answer))
  const document = await ask(`${url}/docs/json`, 'GET', headers)
  const yaml = await ask(`${url}/docs/yaml`, 'GET', headers)

  expect(ticket.url).toBe(`/download?messageId=1&token=${ticket.ticket}`)
  expect(ticket.link).toBe(root === null ? null : `${root}${ticket.url}`)
  expect(JSON.parse(await text(document)).servers).toEqual([
    { url: server, description: 'This worker' },
  ])
  expect(await text(yaml)).toMatch(new RegExp(`servers:\\n +- url: ${server}\\n`))
})

test('no answer repeats a host that a caller has forged', async () => {
  const { url } = await start()
  const paths = [
    '/',
    '/docs',
    '/docs/',
    '/docs/json',
    '/docs/static/index.html',
    '/health',
    '/nothing',
  ]

  for (const path of paths) {
    for (const accept of ['text/html', 'application/json']) {
      const answer = await ask(`${url}${path}`, 'GET', { ...FORGED, accept })
      expect(JSON.stringify(answer.headers) + (await text(answer))).not.toContain('evil')
    }
  }
})

test.each([
  ['/docs', '/docs'],
  ['/docs?from=mail', '/docs'],
  ['/docs/', '/docs/'],
  ['/docs/?from=mail', '/docs/'],
  ['/docs/static/index.html', '/docs/'],
])('the page of %s loads its files below any prefix', async (path, page) => {
  const { url } = await start()
  const asked = `https://worker.example/tele${path}`

  const first = await fetch(`${url}${path}`, { redirect: 'manual' })
  const location = first.headers.get('location')
  const shown = new URL(location ?? '', asked)
  const html = await (await fetch(`${url}${page}`)).text()
  const [, script = ''] = /src="([^"]+bundle\.js)"/.exec(html) ?? []

  expect(shown.pathname).toBe(`/tele${page}`)
  expect(new URL(script, shown).pathname).toBe('/tele/docs/static/swagger-ui-bundle.js')
})

test.each([
  ['https', 'worker.example', undefined, 'https://worker.example'],
  ['HTTP', 'Worker.Example:8080', '/', 'http://worker.example:8080'],
  ['https', '192.0.2.1', '/a/', 'https://192.0.2.1/a'],
  ['https', '[2001:db8::1]:8443', '/a/b_c/d.e~f-g', 'https://[2001:db8::1]:8443/a/b_c/d.e~f-g'],
  ['https', undefined, undefined, null],
  ['https', '', undefined, null],
  ['https', 'a b', undefined, null],
  ['https', 'user@evil.example', undefined, null],
  ['https', 'evil.example/path', undefined, null],
  ['https', 'evil.example?', undefined, null],
  ['https', 'evil.example#', undefined, null],
  ['https', 'evil.example\\', undefined, null],
  ['https', 'evil.example:port', undefined, null],
  ['https', 'evil.example:99999', undefined, null],
  ['https', '[::1', undefined, null],
  ['https', '%65vil.example', undefined, null],
  ['https', `${'a'.repeat(300)}.example`, undefined, null],
  ['https', '"><script>', undefined, null],
  [undefined, 'worker.example', undefined, null],
  ['javascript', 'worker.example', undefined, null],
  ['wss', 'worker.example', undefined, null],
  ['https', 'worker.example', 'tele', null],
  ['https', 'worker.example', '//evil.example', null],
  ['https', 'worker.example', '/a//b', null],
  ['https', 'worker.example', '//', null],
  ['https', 'worker.example', '/..', null],
  ['https', 'worker.example', '/a/../b', null],
  ['https', 'worker.example', '/./a', null],
  ['https', 'worker.example', '/%2e%2e', null],
  ['https', 'worker.example', '/a\\b', null],
  ['https', 'worker.example', '/a?b', null],
  ['https', 'worker.example', '/a#b', null],
  ['https', 'worker.example', '/a\r\nx: y', null],
  ['https', 'worker.example', '/a\u0000', null],
  ['https', 'worker.example', '/é', null],
  ['https', 'worker.example', `/${'a'.repeat(512)}`, null],
])('scheme %j, host %j and prefix %j make the address %j', (proto, host, prefix, root) => {
  expect(rootFrom({ proto, host, prefix })).toBe(root)
})

test.each([
  [
    'https://worker.example',
    { 'x-forwarded-host': 'worker.example', 'x-forwarded-proto': 'https' },
    101,
  ],
  [
    'https://evil.example',
    { 'x-forwarded-host': 'worker.example', 'x-forwarded-proto': 'https' },
    403,
  ],
  ['null', {}, 403],
])(
  'with CORS_ORIGINS, behind a proxy that keeps its own Host, a socket from %s is answered with %j %i',
  async (origin, headers, status) => {
    const env = { CORS_ORIGINS: 'https://drive.example', TRUST_PROXY: 'loopback' }
    const { url } = await start(env)

    const answer = await ask(`${url}/ws/ann?token=${ANN}`, 'GET', {
      host: 'upstream',
      origin,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...headers,
    })

    expect(answer.statusCode).toBe(status)
  },
)

/** `fetch` sets the host itself. */
async function ask(
  url: string,
  method: string,
  headers: Record<string, string>,
  body = '',
): Promise<IncomingMessage> {
  const asked = openRequest(url, { method, headers, agent: false }).end(body)
  const [answer, socket] = await Promise.race([once(asked, 'response'), once(asked, 'upgrade')])
  socket?.destroy()
  return answer
}
