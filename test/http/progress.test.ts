import { once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { CredentialsProvider } from '../../src/core/ports/credentials.ts'
import { MiB } from '../../src/lib/units.ts'
import { completeAndPoll, postJson, sendChunks } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

async function start(env: Record<string, string> = {}) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

const sendFile = (url: string, token = 'token-ann') =>
  sendChunks(url, 'a.bin', Buffer.alloc(MiB, 7), { token })

interface StreamedEvent {
  id: string
  data: { status: string; progress: number; phase: string; messageId: number | null }
}

const EVENTS = { accept: 'text/event-stream' }

/** All events up to the stream's end. */
async function readEvents(response: Response): Promise<StreamedEvent[]> {
  const blocks = (await response.text()).split('\n\n')
  return blocks.flatMap((block) => {
    const fields = new Map(
      block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]),
    )
    const data = fields.get('data')
    return data === undefined ? [] : [{ id: fields.get('id') ?? '', data: JSON.parse(data) }]
  })
}

test('an event stream sends every phase and ends with the result', async () => {
  const { url, gateway } = await start()
  const { uploadId } = await sendFile(url)
  const { promise: listening, resolve: begin } = Promise.withResolvers<void>()
  gateway.beforeFinish = () => listening
  await postJson(`${url}/complete-upload`, { uploadId })

  const response = await fetch(`${url}/upload-progress/${uploadId}`, { headers: EVENTS })
  begin()
  const events = await readEvents(response)

  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  expect(response.headers.get('vary')).toContain('Accept')
  expect(events.length).toBeGreaterThan(1)
  expect(events.at(-1)?.data).toMatchObject({ status: 'completed', progress: 100, messageId: 1 })
  const bars = events.map((event) => event.data.progress)
  expect(bars).toEqual(bars.toSorted((a, b) => a - b))
})

test.each([
  ['TEXT/EVENT-STREAM', 'text/event-stream'],
  ['text/event-stream; charset=utf-8, */*;q=0.1', 'text/event-stream'],
  ['application/json, text/event-stream', 'text/event-stream'],
  ['text/event-stream;q=0, application/json', 'application/json'],
  ['application/json, text/event-stream;q=0.5', 'application/json'],
  ['text/event-streams', 'application/json'],
  ['*/*', 'application/json'],
])('a caller that accepts %s gets %s', async (accept, type) => {
  const { url } = await start()
  const { uploadId } = await sendFile(url)
  await completeAndPoll(url, uploadId)

  const answer = await fetch(`${url}/upload-progress/${uploadId}`, { headers: { accept } })

  expect(answer.headers.get('content-type')).toBe(`${type}; charset=utf-8`)
})

test('a caller that leaves while its token is checked does not stay subscribed', async () => {
  const { promise: checked, resolve: grant } = Promise.withResolvers<void>()
  const asked = vi.fn()
  const credentials: CredentialsProvider = {
    ...testCredentials,
    forRunningUpload: async (token) => {
      asked()
      await checked
      return testCredentials.forRunningUpload(token)
    },
  }
  const lines: string[] = []
  const gateway = createFakeGateway()
  const { url } = await startWorker({ gateway, credentials, onLog: (line) => lines.push(line) })
  const uploadId = '1762700000000_left'
  const opened = { uploadId, fileName: 'a.bin', totalChunks: 2, fileSize: 10 }
  await postJson(`${url}/init-upload`, { ...opened, authToken: 'token-ann' })
  const leaving = new AbortController()
  const address = `${url}/upload-progress/${uploadId}?token=token-ann`
  const stream = fetch(address, { headers: EVENTS, signal: leaving.signal }).catch(() => {})
  await vi.waitFor(() => expect(asked).toHaveBeenCalled())

  leaving.abort()
  await stream
  await fetch(`${url}/healthz`)
  grant()

  await vi.waitFor(() => expect(lines.filter((line) => /client left/.test(line))).toHaveLength(1))
})

test('a listener that has seen the end gets 204, so that it does not reconnect', async () => {
  const { url } = await start()
  const { uploadId } = await sendFile(url)
  await postJson(`${url}/complete-upload`, { uploadId })
  const address = `${url}/upload-progress/${uploadId}`
  const first = await readEvents(await fetch(address, { headers: EVENTS }))

  const again = await fetch(address, {
    headers: { ...EVENTS, 'last-event-id': first.at(-1)?.id ?? '' },
  })
  const early = await readEvents(
    await fetch(address, { headers: { ...EVENTS, 'last-event-id': 'sending-40' } }),
  )

  expect(again.status).toBe(204)
  expect(early.map((event) => event.data.status)).toEqual(['completed'])
})

test('a stream of an unknown or foreign upload is refused in JSON', async () => {
  const { url } = await start()
  const { uploadId } = await sendFile(url)

  const unknown = await fetch(`${url}/upload-progress/nothing`, { headers: EVENTS })
  const foreign = await fetch(`${url}/upload-progress/${uploadId}?token=token-bob`, {
    headers: EVENTS,
  })

  for (const refused of [unknown, foreign]) {
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
  }
})

test('a stream ends with the event that its upload was cancelled', async () => {
  const { url } = await start()
  const { uploadId } = await sendFile(url)
  const response = await fetch(`${url}/upload-progress/${uploadId}`, { headers: EVENTS })

  await postJson(`${url}/cancel-upload`, { uploadId })

  const events = await readEvents(response)
  expect(events.map((event) => event.data.phase)).toEqual(['receiving', 'cancelled'])
  expect(events.at(-1)?.data).toMatchObject({
    status: 'failed',
    error: 'Upload failed: it was cancelled',
  })
})

test('listeners do not delay the close of a worker', async () => {
  const { url, close } = await start()
  const { uploadId } = await sendFile(url)
  const stream = await fetch(`${url}/upload-progress/${uploadId}`, { headers: EVENTS })
  const socket = await connect(url, 'ann', 'token-ann')

  const closed = once(socket, 'close')
  await close()

  await stream.text()
  const [event] = await closed
  expect(event.code).toBe(1001)
})

async function connect(url: string, userId: string, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${userId}?token=${token}`)
  onTestFinished(() => socket.close())
  await once(socket, 'open')
  return socket
}

function messagesOf(socket: WebSocket): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = []
  socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(String(data))))
  return messages
}

test("a socket sends the progress of all uploads of its user, and of no other user's", async () => {
  const { url } = await start()
  const before = await sendFile(url)
  const messages = messagesOf(await connect(url, 'ann', 'token-ann'))
  const foreign = await sendFile(url, 'token-bob')
  const later = await sendFile(url)

  for (const { uploadId } of [before, foreign, later]) {
    await postJson(`${url}/complete-upload`, { uploadId })
  }

  await vi.waitFor(() => {
    const done = messages.filter((message) => message.status === 'completed')
    expect(done.map((message) => message.uploadId).toSorted()).toEqual(
      [before.uploadId, later.uploadId].toSorted(),
    )
  })
  expect(messages.map((message) => message.uploadId)).not.toContain(foreign.uploadId)
  for (const message of messages) {
    expect(message).toMatchObject({
      type: expect.stringMatching(/^(upload_progress|library_changed)$/),
      timestamp: expect.any(String),
    })
  }
})

test('a socket with a good token is for its own user, whatever user the path names', async () => {
  const { url } = await start()
  const { uploadId } = await sendFile(url)

  const messages = messagesOf(await connect(url, 'me', 'token-ann'))

  await vi.waitFor(() => expect(messages.map((message) => message.uploadId)).toEqual([uploadId]))
})

test('a socket answers pings, and ignores other messages', async () => {
  const { url } = await start()
  const socket = await connect(url, 'ann', 'token-ann')
  const messages = messagesOf(socket)

  for (const text of ['{"type":"sing"}', '{', '"ping"', '{"type":"ping"}']) socket.send(text)

  await vi.waitFor(() => expect(messages).toHaveLength(1))
  expect(messages[0]).toMatchObject({ type: 'pong', timestamp: expect.any(String) })
})

test.each([
  ['without a token', '/ws/ann', 401, 'TOKEN_MISSING'],
  ['with a token that is refused', '/ws/ann?token=nobody', 401, 'TOKEN_REFUSED'],
  ['of another user', '/ws/bob?token=token-ann', 403, 'FORBIDDEN'],
])('a socket %s is refused before it opens', async (_name, path, status, code) => {
  const { url } = await start()
  const { request } = await import('node:http')

  const call = request(`${url}${path}`, {
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
    },
  }).end()
  const [response] = await once(call, 'response')
  let body = ''
  for await (const piece of response) body += piece

  expect(response.statusCode).toBe(status)
  expect(JSON.parse(body)).toMatchObject({ code })
})

test('a request to the address of the socket without an upgrade is refused with the reason', async () => {
  const { url } = await start()

  const answer = await fetch(`${url}/ws/ann?token=token-ann`)

  expect(answer.status).toBe(404)
})
