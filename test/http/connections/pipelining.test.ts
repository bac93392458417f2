import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPipelining } from '../../../src/http/connections/pipelining.ts'
import { KiB } from '../../../src/lib/units.ts'
import { newUploadId } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

interface Served {
  server: Server
  /** Paths that the handler was given, in order. */
  begun: string[]
  /** What Node's parser has made requests of. */
  parsed: () => number
  open: () => Socket
}

/** A server that answers with the path; `/slow` is answered when the test says so. */
async function serve(handle: RequestListener = answerPath): Promise<Served> {
  const begun: string[] = []
  let parsed = 0
  const { inTurn, onDropRequest } = createPipelining({
    onBegin: ({ request }) => begun.push(`${request.url}`),
    onIdle: () => {},
    onTooMany: () => {},
  })
  const server = createServer(inTurn(handle))
  server.prependListener('request', () => {
    parsed += 1
  })
  server.on('dropRequest', onDropRequest)
  server.on('clientError', (_error, socket) => socket.destroy())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void socket.destroy())
    return socket
  }
  return { server, begun, parsed: () => parsed, open }
}

/** Also where it is reset, which is an error to `once`. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

const answerPath: RequestListener = (request, response) => void response.end(`${request.url};`)

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
}

const LAST = 'Connection: close\r\n'

/** The paths that an answer names, in its order. */
function pathsIn(answer: string): string[] {
  return [...answer.matchAll(/(\/\w*);/g)].map(([, path]) => `${path}`)
}

test('1,700 requests in one write close the connection, and all but one are dropped unseen', async () => {
  const { begun, parsed, open } = await serve(() => {})
  const socket = open()

  socket.write(get('/a').repeat(1_700))
  await closed(socket)

  expect(begun).toEqual(['/a'])
  expect(parsed()).toBeLessThanOrEqual(17)
})

test('sixteen requests in one write are answered in their order', async () => {
  const { open } = await serve()
  const paths = Array.from({ length: 16 }, (_, index) => `/${index}`)
  const socket = open()

  socket.write(paths.map((path) => get(path, path === '/15' ? LAST : '')).join(''))

  expect(pathsIn(await text(socket))).toEqual(paths)
})

test('a seventeenth request that has no answer closes the connection', async () => {
  const { begun, open } = await serve(() => {})
  const socket = open()

  socket.write(get('/a').repeat(16))
  await vi.waitFor(() => expect(begun).toHaveLength(1))
  expect(socket.closed).toBe(false)
  socket.write(get('/b'))

  await closed(socket)
})

test('a connection may send as many requests again after the answers', async () => {
  const { open } = await serve()
  const socket = open().setEncoding('utf8')
  let answers = ''
  socket.on('data', (piece) => {
    answers += piece
  })

  for (let round = 1; round <= 3; round++) {
    socket.write(get('/a').repeat(16))
    await vi.waitFor(() => expect(pathsIn(answers)).toHaveLength(16 * round))
  }

  expect(socket.closed).toBe(false)
})

test('a request begins when the one before it is answered', async () => {
  const answers: (() => void)[] = []
  const { begun, open } = await serve((request, response) => {
    answers.push(() => void response.end(`${request.url};`))
  })

  open().write(get('/a') + get('/b'))
  await vi.waitFor(() => expect(begun).toEqual(['/a']))
  answers[0]?.()

  await vi.waitFor(() => expect(begun).toEqual(['/a', '/b']))
})

test.each(['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE'])(
  '%s waits for the answer before it',
  async (method) => {
    const { begun, open } = await serve(() => {})

    open().write(get('/a') + get('/b').replace('GET', method) + get('/c'))
    open().write(get('/other'))

    await vi.waitFor(() => expect(begun).toContain('/other'))
    expect(begun).not.toContain('/b')
  },
)

test('a request behind an answer that closes the connection is ignored', async () => {
  const { begun, open } = await serve()
  const socket = open()

  socket.write(get('/a', LAST) + get('/b').repeat(5))

  expect(pathsIn(await text(socket))).toEqual(['/a'])
  expect(begun).toEqual(['/a'])
})

test('requests of a client that has left are dropped', async () => {
  const { begun, open } = await serve((_request, response) => {
    response.once('close', () => begun.push('closed'))
  })
  const socket = open()

  socket.write(get('/a') + get('/b'))
  await vi.waitFor(() => expect(begun).toEqual(['/a']))
  socket.destroy()

  await vi.waitFor(() => expect(begun).toEqual(['/a', 'closed']))
})

test('the bytes of bodies that wait behind a request are limited', async () => {
  const { begun, open } = await serve(() => {})
  const socket = open()
  const body = 'x'.repeat(30 * KiB)
  const post = `POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  socket.write(get('/a'))
  await vi.waitFor(() => expect(begun).toEqual(['/a']))
  socket.write(post.repeat(8))

  await closed(socket)
})

test('requests beyond the limit of one connection are not kept', async () => {
  const { server, open } = await serve(() => {})
  server.maxRequestsPerSocket = 2
  const socket = open()

  socket.write(get('/a').repeat(3))

  await closed(socket)
})

async function startFileWorker() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const socket = connect(Number(new URL(worker.url).port), '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return { ...worker, gateway, socket }
}

test('pipelined chunks arrive one after the other', async () => {
  const { url, socket } = await startFileWorker()
  const uploadId = newUploadId()
  const half = 'x'.repeat(200 * KiB)
  const fields = { uploadId, totalChunks: 2, fileName: 'a', fileSize: 2 * half.length }

  socket.write(chunk({ ...fields, chunkIndex: 0, authToken: 'token-ann' }, half, ''))
  socket.write(chunk({ ...fields, chunkIndex: 1, authToken: 'token-ann' }, half, LAST))
  const answers = await text(socket)

  expect(answers.match(/"received_chunks":\d/g)).toEqual([
    '"received_chunks":1',
    '"received_chunks":2',
  ])
  const status = await fetch(`${url}/upload-status/${uploadId}`)
  expect(await status.json()).toMatchObject({ complete: true })
})

function chunk(fields: Record<string, string | number>, bytes: string, headers: string): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const file = `--b\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n\r\n${bytes}\r\n`
  const body = `${file}${parts.join('')}--b--\r\n`
  return [
    'POST /upload-chunk HTTP/1.1\r\nHost: x\r\n',
    'Content-Type: multipart/form-data; boundary=b\r\n',
    `Content-Length: ${body.length}\r\n${headers}\r\n${body}`,
  ].join('')
}

test('an upgrade behind another request does not take over its connection', async () => {
  const { socket } = await startFileWorker()
  const upgrade = [
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
  ].join('')

  socket.write(get('/health') + get('/ws/me?token=token-ann', upgrade))

  expect((await text(socket)).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404'])
})
