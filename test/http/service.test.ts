import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { chunkForm, newUploadId } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

async function start(env: Record<string, string> = {}) {
  return startWorker({ env, gateway: createFakeGateway(), credentials: testCredentials })
}

test('the root names the service to programs and shows a page to browsers', async () => {
  const { url } = await start()

  const program = await fetch(url)
  const browser = await fetch(url, { headers: { accept: 'text/html,*/*;q=0.8' } })

  expect(await program.json()).toMatchObject({
    status: 'ok',
    service: 'TeleStore Render Upload Service',
    chunk_size: '5MB',
    max_file_bytes: 50 * 1024 * MiB,
    endpoints: expect.arrayContaining(['POST /upload-chunk', 'WS /ws/{userId}', 'GET /docs']),
  })
  expect(program.headers.get('vary')).toContain('Accept')
  expect(browser.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(await browser.text()).toMatch(/^<!doctype html>/i)
})

test('the root says whether a backend keeps a list of its own', async () => {
  const standalone = await start()
  const { url } = await start({ BACKEND_URL: 'http://127.0.0.1:9' })

  const fields = async (address: string): Promise<unknown> => (await fetch(address)).json()

  expect(await fields(url)).toMatchObject({ backend_list: true })
  expect(await fields(standalone.url)).not.toHaveProperty('backend_list')
})

test.each([
  ['TEXT/HTML', 'text/html'],
  ['text/html;q=0.9, application/json;q=0.5', 'text/html'],
  ['text/html;q=0, application/json', 'application/json'],
  ['application/json, text/html;q=0.5', 'application/json'],
  ['*/*', 'application/json'],
])('at the root a caller that accepts %s gets %s', async (accept, type) => {
  const { url } = await start()

  const answer = await fetch(url, { headers: { accept } })

  expect(answer.headers.get('content-type')).toBe(`${type}; charset=utf-8`)
})

test('/health answers with the time', async () => {
  const { url } = await start()

  const answer = await (await fetch(`${url}/health`)).json()

  expect(answer).toEqual({
    status: 'ok',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  })
  expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok')
})

test('a browser of any origin may call and read what it needs', async () => {
  const { url } = await start()
  const origin = 'https://drive.example'

  const preflight = await fetch(`${url}/upload-chunk`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  })
  const answer = await fetch(`${url}/upload-progress/x`, { headers: { origin } })

  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-headers')).toMatch(/authorization/i)
  expect(answer.status).toBe(404)
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('access-control-expose-headers')).toMatch(/Content-Range/)
})

test('with CORS_ORIGINS only these origins may call', async () => {
  const { url } = await start({ CORS_ORIGINS: 'https://a.example, https://b.example' })

  const origins = ['https://b.example', 'https://c.example'].map(async (origin) => {
    const answer = await fetch(`${url}/health`, { headers: { origin } })
    return answer.headers.get('access-control-allow-origin')
  })

  expect(await Promise.all(origins)).toEqual(['https://b.example', null])
})

test('an unknown path is a 404 in JSON', async () => {
  const { url } = await start()

  const answer = await fetch(`${url}/nothing?token=SECRET`)

  expect(answer.status).toBe(404)
  expect(await answer.json()).toEqual({ error: 'There is nothing here', code: 'NOT_FOUND' })
})

test.each([
  ['PUT', '/health', 'GET, HEAD'],
  ['DELETE', '/complete-upload', 'POST'],
  ['QUERY', '/upload-status/x', 'GET, HEAD'],
  ['PROPFIND', '/jobs', 'GET, HEAD'],
  ['PUT', '/files', 'POST'],
  ['PATCH', '/download?messageId=1', 'HEAD, GET'],
])('%s of %s is refused with 405 and the allowed methods %s', async (method, path, others) => {
  const { url } = await start()

  // Not a `fetch`, which refuses some of them itself.
  const answer = await refusalOf(`${url}${path}`, method)

  expect(answer.status).toBe(405)
  expect(answer.allow).toBe(`OPTIONS, ${others}`)
  expect(JSON.parse(answer.text)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' })
})

test('a route between instances looks as if it did not exist, with any method', async () => {
  const { url } = await start({ LEDGER_KEY: 'a key of the deployment' })

  const answers = ['GET', 'PUT'].map((method) => refusalOf(`${url}/hand-over`, method))

  for (const { status, allow } of await Promise.all(answers)) {
    expect({ status, allow }).toEqual({ status: 404, allow: undefined })
  }
})

test.each([
  ['text that is no JSON', 'application/json', '{'],
  ['another type', 'text/plain', 'uploadId=1'],
  ['no object', 'application/json', '3'],
  ['a poisoned prototype', 'application/json', '{"__proto__":{"uploadId":"x"}}'],
])('a JSON call with %s is refused with a sentence', async (_name, contentType, body) => {
  const { url } = await start()

  const answer = await fetch(`${url}/complete-upload`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  })

  expect([400, 415]).toContain(answer.status)
  expect(await answer.json()).toMatchObject({ error: expect.any(String), code: expect.any(String) })
})

test('a refusal reaches a browser that is still sending', async () => {
  const { url } = await start({ MAX_CHUNK_SIZE: '1MB' })
  const body = chunkForm({
    uploadId: newUploadId(),
    chunkIndex: 0,
    totalChunks: 1,
    fileName: 'a',
    fileSize: 30 * MiB,
    authToken: 'token-ann',
    chunk: Buffer.alloc(30 * MiB),
  })

  const answer = await fetch(`${url}/upload-chunk`, { method: 'POST', body })

  expect(answer.status).toBe(413)
  expect(answer.headers.get('connection')).toBe('close')
  expect(await answer.json()).toMatchObject({ code: 'CHUNK_TOO_LARGE' })
})

test('a token in the header is checked before the body is read to its end', async () => {
  const { url } = await start()
  const answer = await new Promise<number | undefined>((resolve, reject) => {
    const sending = request(`${url}/upload-chunk`, {
      method: 'POST',
      headers: {
        authorization: 'Bearer wrong',
        'content-type': 'multipart/form-data; boundary=x',
        'content-length': 40 * MiB,
      },
    })
    sending.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    sending.write('--x\r\nContent-Disposition: form-data; name="chunk"; filename="b"\r\n\r\n')
    sending.end(Buffer.alloc(40 * MiB - 67))
  })

  expect(answer).toBe(401)
})

test('a closed worker takes no connection', async () => {
  const worker = await start()
  await fetch(`${worker.url}/health`)

  await worker.close()

  await expect(fetch(`${worker.url}/health`)).rejects.toThrow()
})

async function refusalOf(url: string, method: string) {
  const [answer] = await once(request(url, { method }).end(), 'response')
  return { status: answer.statusCode, allow: answer.headers.allow, text: await text(answer) }
}
