import { request } from 'node:http'
import { json, text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { downloadUrl, postJson, uploadFile } from '../../helpers/callers/client.ts'
import { createTus, tusHeaders } from '../../helpers/callers/tus.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'
const BEARER = { authorization: `Bearer ${token}` }

async function start() {
  return startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
}

const TYPES = [
  'application/json',
  'Application/JSON; charset=utf-8',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'multipart/form-data',
  'application/octet-stream',
  'nonsense',
  '',
]

/** How a request says that it has no body, or turns out to have none. */
const FRAMINGS: [name: string, headers: Record<string, string>][] = [
  ['no length', {}],
  ['a length of 0', { 'content-length': '0' }],
  ['no chunk', { 'transfer-encoding': 'chunked' }],
]

interface Answer {
  status: number | undefined
  body: unknown
}

/** A request without a body, by Node's own client: it sends what it is told. */
function send(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers, connection: 'close' } })
    outgoing.on('error', reject).on('response', async (response) => {
      const { statusCode: status, headers } = response
      const isJson = headers['content-type']?.startsWith('application/json') && method !== 'HEAD'
      resolve({ status, body: await (isJson ? json(response) : text(response)) })
    })
    outgoing.end()
  })
}

describe.each(FRAMINGS)('a request that announces a type and has %s', (_name, framing) => {
  const announcing = TYPES.map((type) => ({ ...framing, 'content-type': type }))

  test('revokes links', async () => {
    const { url } = await start()
    const end = await uploadFile(url, 'a', Buffer.from('a'), { token })
    const wish = { messageId: end.messageId, authToken: token }

    for (const headers of announcing) {
      const issued = await postJson(`${url}/tickets`, wish)
      const { ticket } = (await issued.json()) as { ticket: string }
      const answer = await send('DELETE', `${url}/tickets`, { ...BEARER, ...headers })
      const after = await fetch(downloadUrl(url, end.messageId, ticket))

      expect({ headers, ...answer }).toMatchObject({
        headers,
        status: 200,
        body: { success: true },
      })
      expect(after.status).toBe(401)
    }
  })

  test('is told what is missing where a body is needed', async () => {
    const { url } = await start()
    const paths = [
      'init-upload',
      'complete-upload',
      'cancel-upload',
      'tickets',
      'upload',
      'upload-chunk',
    ]

    for (const headers of announcing) {
      for (const path of paths) {
        const answer = await send('POST', `${url}/${path}`, { ...BEARER, ...headers })
        expect({ path, headers, ...answer }).toEqual({
          path,
          headers,
          status: 400,
          body: { code: 'INVALID_REQUEST', error: 'body: is missing', field: 'body' },
        })
      }
    }
  })

  test('is served where none is needed', async () => {
    const { url } = await start()
    const end = await uploadFile(url, 'a', Buffer.from('a'), { token })
    const link = downloadUrl(url, end.messageId, token)
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'POST' }

    for (const headers of announcing) {
      const tus = tusHeaders(token, headers)
      const uploadId = await createTus(url, token, { 'upload-length': '9' })
      const answers: [expected: number, Promise<Answer>][] = [
        [200, send('GET', url, headers)],
        [200, send('GET', `${url}/jobs`, { ...BEARER, ...headers })],
        [200, send('GET', `${url}/upload-progress/${end.uploadId}`, headers)],
        [200, send('GET', link, headers)],
        [200, send('HEAD', link, headers)],
        [204, send('OPTIONS', `${url}/upload`, { ...preflight, ...headers })],
        [404, send('POST', `${url}/nothing`, headers)],
        [405, send('PUT', `${url}/upload`, headers)],
        [201, send('POST', `${url}/files`, { ...tus, 'upload-length': '9' })],
        [200, send('HEAD', `${url}/files/${uploadId}`, tus)],
      ]
      const statuses = await Promise.all(answers.map(async ([, answer]) => (await answer).status))
      expect({ headers, statuses }).toEqual({
        headers,
        statuses: answers.map(([status]) => status),
      })

      const terminated = await send('DELETE', `${url}/files/${uploadId}`, tus)
      expect({ headers, status: terminated.status }).toEqual({ headers, status: 204 })
    }
  })
})

test.each([
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'nonsense',
])('a body of the type %s revokes nothing', async (type) => {
  const { url } = await start()

  const answer = await fetch(`${url}/tickets`, {
    method: 'DELETE',
    headers: { ...BEARER, 'content-type': type },
    body: 'authToken=x',
  })

  expect(answer.status).toBe(415)
  expect(await answer.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
})

test('a body without a type is refused, and not read as JSON', async () => {
  const { url } = await start()
  const body = new TextEncoder().encode('{"uploadId":"x"}')

  const answer = await fetch(`${url}/cancel-upload`, { method: 'POST', body })

  expect(answer.status).toBe(415)
})

test.each(['null', ' null '])('the JSON %j counts as no body', async (body) => {
  const { url } = await start()
  const headers = { 'content-type': 'application/json' }

  const answer = await fetch(`${url}/complete-upload`, { method: 'POST', headers, body })

  expect(await answer.json()).toMatchObject({ error: 'body: is missing' })
})

test('one connection goes on after requests without a body', async () => {
  const { url } = await start()

  for (let round = 0; round < 3; round++) {
    const answer = await fetch(`${url}/tickets`, {
      method: 'DELETE',
      headers: { ...BEARER, 'content-type': 'text/plain' },
      keepalive: true,
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('connection')).not.toBe('close')
    await answer.json()
  }
})
