import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { CredentialsProvider } from '../../../src/core/ports/credentials.ts'
import { AppError } from '../../../src/errors.ts'
import { errorPage } from '../../../src/http/answers/error-page.ts'
import { downloadUrl, postJson } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { stopClock } from '../../helpers/stopped-clock.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const ANN = 'token-ann'
/** What Chromium, Firefox and Safari send when a person opens a link. */
const BROWSER =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const bytes = Buffer.from('bytes')
  gateway.posted.push({ messageId: 1, name: 'a.txt', mimeType: 'text/plain', bytes })
  const backend = { isDown: false }
  const credentials: CredentialsProvider = {
    ...testCredentials,
    forDownload: async (token) => {
      if (!backend.isDown) return testCredentials.forDownload(token)
      throw new AppError('BACKEND_UNAVAILABLE', 'The backend cannot be reached', { retryAfter: 90 })
    },
  }
  const worker = await startWorker({ env, gateway, credentials })
  return { ...worker, gateway, backend }
}

async function makeLink(url: string, wish: object = {}): Promise<string> {
  const answer = await postJson(`${url}/tickets`, { messageId: 1, authToken: ANN, ...wish })
  return url + ((await answer.json()) as { url: string }).url
}

function open(link: string, how: RequestInit = {}): Promise<Response> {
  return fetch(link, { ...how, headers: { accept: BROWSER, ...how.headers } })
}

type Worker = Awaited<ReturnType<typeof start>>

async function revokedLink({ url }: Worker): Promise<string> {
  const link = await makeLink(url)
  const headers = { authorization: `Bearer ${ANN}` }
  await fetch(`${url}/tickets`, { method: 'DELETE', headers })
  return link
}

async function expiredLink({ url }: Worker): Promise<string> {
  const clock = stopClock()
  const link = await makeLink(url, { expiresIn: 60 })
  clock.pass(120_000)
  return link
}

async function deletedMessage({ url, gateway }: Worker): Promise<string> {
  const link = await makeLink(url)
  gateway.posted.splice(0)
  return link
}

function backendDown({ url, backend }: Worker): string {
  backend.isDown = true
  return downloadUrl(url, 1, ANN)
}

async function guessed({ url }: Worker): Promise<string> {
  await open(downloadUrl(url, 1, 'wrong-1'))
  return downloadUrl(url, 1, 'wrong-2')
}

test.each<[string, number, string, (worker: Worker) => Promise<string> | string]>([
  ['that was revoked', 401, 'This link was revoked.', revokedLink],
  ['that has ended', 401, 'This link has expired.', expiredLink],
  [
    'that was cut',
    401,
    'This link is not valid.',
    async (worker) => (await makeLink(worker.url)).slice(0, -3),
  ],
  ['with a wrong token', 401, 'The token is not valid.', ({ url }) => downloadUrl(url, 1, 'wrong')],
  [
    'without a token',
    401,
    'what opens the file is missing',
    ({ url }) => `${url}/download?messageId=1`,
  ],
  [
    'without a message',
    400,
    'The address is not whole',
    ({ url }) => `${url}/download?token=${ANN}`,
  ],
  ['to a file that was deleted', 404, 'was deleted', deletedMessage],
  ['of an address that has guessed', 429, 'Too many refused requests', guessed],
  ['while the backend is down', 503, 'in 2 minutes', backendDown],
  [
    'to an upload’s progress',
    401,
    'This link is not valid.',
    ({ url }) => `${url}/upload-progress/none?token=tkt_none`,
  ],
])(
  'a browser that opens a link %s gets a page with status %i that tells the reason',
  async (_what, status, says, make) => {
    const worker = await start({ MAX_FAILURES_PER_MINUTE: '1' })
    const link = await make(worker)
    const token = new URL(link).searchParams.get('token')

    const answer = await open(link)
    const html = await answer.text()

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('vary')).toBe('Accept')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(html).toContain(says)
    expect(html).not.toMatch(/<script|<img|<iframe|javascript:|\son\w+=/i)
    if (token !== null) expect(html).not.toContain(token)
    expectStrictPolicy(answer, html)
    expect(answer.headers.get('retry-after') !== null).toBe(status === 429 || status === 503)
  },
)

/** The page may load or run nothing but its own inline style. */
function expectStrictPolicy({ headers }: Response, html: string): void {
  const [, style = ''] = /<style>([^<]*)<\/style>/.exec(html) ?? []
  const digest = createHash('sha256').update(style).digest('base64')
  expect(headers.get('content-security-policy')).toBe(
    `default-src 'none';style-src 'sha256-${digest}';base-uri 'none';form-action 'none';frame-ancestors 'none'`,
  )
  expect(headers.get('x-frame-options')).toBe('DENY')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
}

test.each([
  ['nothing', null],
  ['anything', '*/*'],
  ['JSON', 'application/json'],
  ['JSON rather than a page', 'text/html;q=0.8, application/json'],
  ['both alike', 'application/json, text/html'],
  ['no page', 'text/html;q=0, */*'],
  ['a picture', 'image/avif,image/webp,*/*;q=0.8'],
  ['text', 'text/plain'],
])('a program that accepts %s gets JSON', async (_what, accept) => {
  const { url } = await start()
  const headers = accept === null ? {} : { accept }

  const answer = await fetch(downloadUrl(url, 1, 'wrong'), { headers })

  expect(answer.status).toBe(401)
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(answer.headers.get('vary')).toBe('Accept')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(await answer.json()).toEqual({ error: 'The token is not valid', code: 'TOKEN_REFUSED' })
})

test('HEAD has the headers of the page, and no body', async () => {
  const { url } = await start()
  const link = downloadUrl(url, 1, 'wrong')

  const page = await open(link)
  const head = await open(link, { method: 'HEAD' })

  const size = Buffer.byteLength(await page.text())
  expect(await head.text()).toBe('')
  expect(head.status).toBe(401)
  for (const name of ['content-type', 'content-security-policy', 'vary', 'cache-control']) {
    expect(head.headers.get(name)).toBe(page.headers.get(name))
  }
  expect(head.headers.get('content-length')).toBe(String(size))
})

test.each<[string, (url: string) => Promise<Response>]>([
  [
    'no link',
    (url) => open(`${url}/upload-status/none`, { headers: { authorization: `Bearer ${ANN}` } }),
  ],
  ['a path that is not there', (url) => open(`${url}/nothing`)],
  ['the progress of an unknown upload', (url) => open(`${url}/upload-progress/none`)],
  ['another method', (url) => open(`${url}/tickets?token=x`, { method: 'POST' })],
])('a refusal of %s is JSON for every caller', async (_what, ask) => {
  const { url } = await start()

  const answer = await ask(url)

  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.headers.get('content-type')).toContain('application/json')
})

test('with CORS_ORIGINS the page varies by the origin as well', async () => {
  const { url } = await start({ CORS_ORIGINS: 'https://drive.example' })

  const { headers } = await open(downloadUrl(url, 1, 'wrong'))

  expect(headers.get('vary')).toBe('Origin, Accept')
})

test('a file that exists is sent to a browser as to a program', async () => {
  const { url } = await start()

  const answer = await open(await makeLink(url))

  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
  expect(await answer.text()).toBe('bytes')
})

test.each([
  [1, 'in 1 second.'],
  [5, 'in 5 seconds.'],
  [119, 'in 2 minutes.'],
  [120, 'in 2 minutes.'],
  [121, 'in 3 minutes.'],
  [7_200, 'in 2 hours.'],
  [0.2, 'in 1 second.'],
])('a wait of %d seconds is shown as %s', (retryAfter, says) => {
  expect(errorPage(new AppError('BUSY', 'Busy', { retryAfter }))).toContain(says)
})

test('signs of HTML in a message are text on the page', () => {
  const html = errorPage(new AppError('FORBIDDEN', `<script>"a"&'b'</script>`))

  expect(html).toContain('&#60;script&#62;&#34;a&#34;&#38;&#39;b&#39;&#60;/script&#62;.')
})
