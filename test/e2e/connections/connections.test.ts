import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ClosedBecause, createConnections } from '../../../src/http/connections/connections.ts'
import { createPipelining } from '../../../src/http/connections/pipelining.ts'
import { MiB } from '../../../src/lib/units.ts'

/** What a busy machine may hold up a client that sends all the time. */
const MIN_STALL_MS = 3_000

interface Peer {
  socket: Socket
  /** Whether the server has closed it. */
  readonly closed: boolean
}

/**
 * A server with three connections. `/slow` is never answered, `/large` is more than a socket holds,
 * `/exempt` too, and `/refused` is refused before its body has come.
 */
async function serve({ readWithinMs = 60_000, minStallMs = 750 } = {}) {
  const reasons: ClosedBecause[] = []
  const connections = createConnections({
    max: 3,
    unanswered: (socket) => unanswered(socket).length,
    onClosed: (why) => reasons.push(why),
    readWithinMs: () => readWithinMs,
    checkEveryMs: 50,
    minStallMs,
  })
  const { inTurn, unanswered } = createPipelining({
    onBegin: connections.begin,
    onIdle: connections.idle,
    onTooMany: () => {},
  })
  const begun: string[] = []
  const answer: RequestListener = (request, response) => {
    begun.push(`${request.url}`)
    if (request.url === '/exempt') connections.exempt(response)
    if (request.url === '/refused') connections.refuse(response)
    if (request.url === '/quick') response.end('quick')
    if (request.url === '/large' || request.url === '/exempt') response.end(Buffer.alloc(64 * MiB))
    if (request.url === '/body') request.resume().on('end', () => response.end('body'))
  }
  const server = createServer(inTurn(answer))
  server.on('upgrade', () => begun.push('/upgrade'))
  connections.watch(server)
  let accepted = 0
  server.on('connection', () => {
    accepted += 1
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo

  /** Resolves when the server has the connection. */
  async function open(): Promise<Peer> {
    const before = accepted
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    onTestFinished(() => void socket.destroy())
    let closed = false
    socket.once('close', () => {
      closed = true
    })
    await vi.waitFor(() => expect(accepted).toBe(before + 1))
    return {
      socket,
      get closed() {
        return closed
      },
    }
  }

  /** Resolves when the server works on the request, or has answered it. */
  async function ask(path: string, request = get(path)): Promise<Peer> {
    const peer = await open()
    const count = begun.length
    peer.socket.write(request)
    await vi.waitFor(() => expect(begun.length).toBeGreaterThan(count))
    if (path === '/quick') await once(peer.socket, 'data')
    return peer
  }

  /** Asks on a connection of its own, which leaves then; false where that is closed. */
  async function isAnswered(): Promise<boolean> {
    const peer = await open()
    const { socket } = peer
    let answered = false
    socket.once('data', () => {
      answered = true
    })
    socket.write(get('/quick'))
    await vi.waitFor(() => expect(answered || peer.closed).toBe(true))
    socket.destroy()
    return answered
  }

  return { open, ask, isAnswered, reasons }
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

function post(path: string, length: number): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
}

async function expectClosed(peer: Peer): Promise<void> {
  // Only a reader sees a reset.
  peer.socket.resume()
  await vi.waitFor(() => expect(peer.closed).toBe(true))
}

test('a new connection replaces the one that was silent longest', async () => {
  const { open, ask, reasons } = await serve()
  const silent = [await open(), await open(), await open()]

  await ask('/quick')

  await expectClosed(silent[0] as Peer)
  expect(silent.map(({ closed }) => closed)).toEqual([true, false, false])
  expect(reasons).toEqual(['waited'])
})

test('a new connection replaces the one that was idle longest', async () => {
  const { ask } = await serve()
  const idle = [await ask('/quick'), await ask('/quick'), await ask('/quick')]
  idle[0]?.socket.write(get('/quick'))
  await once((idle[0] as Peer).socket, 'data')

  await ask('/quick')

  await expectClosed(idle[1] as Peer)
  expect(idle.map(({ closed }) => closed)).toEqual([false, true, false])
})

test("a flood of silent connections leaves a proxy's idle ones alone", async () => {
  const { open, ask } = await serve()
  const idle = await ask('/quick')
  const silent = [await open(), await open()]

  for (let count = 0; count < 10; count++) silent.push(await open())
  await expectClosed(silent[8] as Peer)

  expect(idle.closed).toBe(false)
})

test('bytes of a head that does not end count as silence', async () => {
  const { open, ask } = await serve()
  const dribbling = await open()
  const silent = [await open(), await open()]
  dribbling.socket.write('GET / HTTP/1.1\r\n')
  for (let count = 0; count < 5; count++) dribbling.socket.write('a')

  await ask('/quick')

  await expectClosed(dribbling)
  expect(silent.map(({ closed }) => closed)).toEqual([false, false])
})

test('a connection whose request is in progress is kept, and the new one is closed', async () => {
  const { open, ask, reasons } = await serve()
  const working = [await ask('/slow'), await ask('/slow'), await ask('/slow')]

  const newcomer = await open()

  await expectClosed(newcomer)
  expect(working.map(({ closed }) => closed)).toEqual([false, false, false])
  expect(reasons).toEqual(['no place'])
})

test('if all requests are in progress, a connection with several requests is replaced', async () => {
  const { ask } = await serve()
  const working = await ask('/slow')
  const pipelining = await ask('/slow', get('/slow').repeat(2))
  await ask('/slow')

  await ask('/quick')

  await expectClosed(pipelining)
  expect(working.closed).toBe(false)
})

test('a connection with several requests is replaced before one that was just opened', async () => {
  const { open, ask } = await serve()
  const pipelining = await ask('/slow', get('/slow').repeat(2))
  await ask('/slow')
  const newcomer = await open()

  await open()

  await expectClosed(pipelining)
  expect(newcomer.closed).toBe(false)
})

test('a closed connection leaves room for a new one', async () => {
  const { ask, isAnswered } = await serve()
  const leaving = await ask('/slow')
  const working = [await ask('/slow'), await ask('/slow')]
  leaving.socket.destroy()

  await vi.waitFor(async () => expect(await isAnswered()).toBe(true))

  expect(working.map(({ closed }) => closed)).toEqual([false, false])
})

test.each([
  ['a connection with a stalled body', '/body', post('/body', 1_000)],
  ['a connection that does not read its answer', '/large', get('/large')],
])('%s is replaced, one that waits for the worker is not', async (_name, path, request) => {
  const { ask, isAnswered } = await serve()
  const standing = await ask(path, request)
  const working = [await ask('/slow'), await ask('/slow')]

  await vi.waitFor(async () => expect(await isAnswered()).toBe(true))

  await expectClosed(standing)
  expect(working.map(({ closed }) => closed)).toEqual([false, false])
})

test('a connection whose body arrives is kept', async () => {
  const { open, ask } = await serve({ minStallMs: MIN_STALL_MS })
  const moving = await ask('/body', post('/body', 64 * MiB))
  const timer = setInterval(() => moving.socket.write(Buffer.alloc(4_096)), 20)
  onTestFinished(() => clearInterval(timer))
  await ask('/slow')
  await ask('/slow')
  await after(MIN_STALL_MS + 500)

  const newcomer = await open()

  await expectClosed(newcomer)
  expect(moving.closed).toBe(false)
})

test('a connection whose body trickles is replaced', async () => {
  const { ask, isAnswered } = await serve()
  const trickling = await ask('/body', post('/body', 1_000))
  const timer = setInterval(() => trickling.socket.write(' '), 200)
  onTestFinished(() => clearInterval(timer))
  await ask('/slow')
  await ask('/slow')

  await vi.waitFor(async () => expect(await isAnswered()).toBe(true))

  await expectClosed(trickling)
})

test('a connection whose refused request is drained is replaced at once', async () => {
  const { ask } = await serve()
  const refused = await ask('/refused', post('/refused', 1_000))
  await ask('/slow')
  await ask('/slow')

  await ask('/quick')

  await expectClosed(refused)
})

test('a connection that became a WebSocket is kept', async () => {
  const { open, ask } = await serve()
  const headers = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  const socket = await ask('/upgrade', `GET /upgrade HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
  await ask('/slow')
  await ask('/slow')

  const newcomer = await open()

  await expectClosed(newcomer)
  expect(socket.closed).toBe(false)
})

test('a connection that does not read its answer is closed in time, even below the limit', async () => {
  const { ask, reasons } = await serve({ readWithinMs: 300 })
  const unread = await ask('/large')

  await vi.waitFor(() => expect(reasons).toEqual(['unread']))

  await expectClosed(unread)
})

test('an exempt answer is not cut', async () => {
  const { ask, reasons } = await serve({ readWithinMs: 300 })
  const exempt = await ask('/exempt')
  const unread = await ask('/large')

  await vi.waitFor(() => expect(reasons).toEqual(['unread']))
  await expectClosed(unread)

  expect(exempt.closed).toBe(false)
})

/** Time itself is what is given here. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
