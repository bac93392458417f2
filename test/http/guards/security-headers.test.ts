import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { downloadUrl } from '../../helpers/callers/client.ts'
import { createFakeGateway, type FakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

test.each(['/', '/health', '/upload-progress/x', '/nothing'])(
  'an answer in JSON to %s is no page, cannot be framed and sends no referrer',
  async (path) => {
    const { url } = await start()

    const { headers } = await fetch(`${url}${path}`)

    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(headers.get('x-powered-by')).toBe(null)
  },
)

test.each([
  ['a line that is no request', 'what is this\r\n\r\n', 400],
  ['a path that cannot be decoded', 'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a method that is not there', 'PUT /health HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  [
    'a preflight',
    'OPTIONS /jobs HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n',
    204,
  ],
])('the answer to %s has the headers of every other', async (_what, request, status) => {
  const { url } = await start()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())

  socket.write(request)

  const answer = String(await once(socket, 'data')).toLowerCase()
  expect(answer).toMatch(new RegExp(`^http/1.1 ${status} `))
  expect(answer).toContain("content-security-policy: default-src 'none';frame-ancestors 'none'")
  expect(answer).toContain('referrer-policy: no-referrer')
  expect(answer).toContain('x-content-type-options: nosniff')
  expect(answer).toContain('x-frame-options: deny')
})

test('the page runs only its own scripts, and no page may frame it', async () => {
  const { url } = await start()

  const answer = await fetch(url, { headers: { accept: 'text/html' } })
  const html = await answer.text()

  const policy = answer.headers.get('content-security-policy') ?? ''
  expect(policy).not.toContain('unsafe')
  expect(policy).toContain("frame-ancestors 'none'")
  expect(answer.headers.get('x-frame-options')).toBe('DENY')
  expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  for (const tag of ['script', 'style']) {
    const inline = html.matchAll(new RegExp(`<${tag}[^>]*>([^]+?)</${tag}>`, 'g'))
    for (const [, source = ''] of inline) {
      expect(policy).toContain(createHash('sha256').update(source).digest('base64'))
    }
  }
})

test('an answer has HSTS if the request came by TLS, and only then', async () => {
  const { url } = await start({ TRUST_PROXY: 'loopback' })

  const plain = await fetch(`${url}/health`)
  const secure = await fetch(`${url}/health`, { headers: { 'x-forwarded-proto': 'https' } })

  expect(plain.headers.get('strict-transport-security')).toBe(null)
  expect(secure.headers.get('strict-transport-security')).toMatch(/^max-age=\d{7,}$/)
})

test.each([
  ['clip.mp4', 'video/mp4', 'sandbox', 'inline'],
  ['paper.pdf', 'application/pdf', "default-src 'self'; object-src 'self'", 'inline'],
  ['page.html', 'text/html', 'sandbox', 'attachment'],
  ['logo.svg', 'image/svg+xml', 'sandbox', 'attachment'],
  ['feed.xml', 'text/xml', 'sandbox', 'attachment'],
  ['a style', 'text/xsl', 'sandbox', 'attachment'],
  ['an entity', 'text/xml-external-parsed-entity', 'sandbox', 'attachment'],
  ['a document', 'application/vnd.openxmlformats-officedocument', 'sandbox', 'inline'],
  ['pages', 'multipart/x-mixed-replace; boundary=b', 'sandbox', 'attachment'],
  ['mail.eml', 'message/rfc822', 'sandbox', 'attachment'],
])(
  '%s may be framed and embedded by other pages, and does not run as a page',
  async (name, type, policy, as) => {
    const { url, gateway } = await start()
    const messageId = store(gateway, name, type)

    const { headers } = await fetch(downloadUrl(url, messageId, 'token-ann'))

    expect(headers.get('content-security-policy')).toBe(policy)
    expect(headers.get('content-disposition')).toMatch(new RegExp(`^${as}`))
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(headers.get('x-frame-options')).toBe(null)
    expect(headers.get('cross-origin-opener-policy')).toBe(null)
  },
)

test.each(['script', 'serviceworker', 'sharedworker', 'style'])(
  'a file is refused as the %s of a page',
  async (dest) => {
    const { url, gateway } = await start()
    const link = downloadUrl(url, store(gateway, 'a.js', 'text/javascript'), 'token-ann')

    const asPart = await fetch(link, { headers: { 'sec-fetch-dest': dest } })
    const asFile = await fetch(link, { headers: { 'sec-fetch-dest': 'document' } })

    expect(asPart.status).toBe(403)
    expect(await asPart.json()).toMatchObject({ code: 'FORBIDDEN' })
    expect(asFile.status).toBe(200)
  },
)

test.each([
  ['no token', 401, 'messageId=1', {}],
  ['another version', 412, 'messageId=1&token=token-ann', { 'if-match': '"x"' }],
  ['no such range', 416, 'messageId=1&token=token-ann', { range: 'bytes=99-' }],
])(
  'a refused download with %s has the headers of a refusal',
  async (_name, status, query, asked) => {
    const { url, gateway } = await start()
    store(gateway, 'clip.mp4', 'video/mp4')

    const answer = await fetch(`${url}/download?${query}`, { headers: asked })

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
  },
)

test('a 304 does not replace the policy of the stored file', async () => {
  const { url, gateway } = await start()
  const messageId = store(gateway, 'paper.pdf', 'application/pdf')
  const link = downloadUrl(url, messageId, 'token-ann')
  const etag = (await fetch(link)).headers.get('etag') ?? ''

  const again = await fetch(link, { headers: { 'if-none-match': etag } })

  expect(again.status).toBe(304)
  expect(again.headers.get('content-security-policy')).toBe(null)
})

function store({ posted }: FakeGateway, name: string, mimeType: string): number {
  const messageId = posted.length + 1
  posted.push({ messageId, name, mimeType, bytes: Buffer.from('bytes') })
  return messageId
}
