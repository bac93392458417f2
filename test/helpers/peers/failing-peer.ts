import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'

const JSON_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const HTML = '<html><body>Service waking up</body></html>'

/** What a failing HTTP peer does with a connection, once it has been asked. */
export const FAULTS = {
  'says nothing': () => {},
  'resets at once': (socket) => void socket.resetAndDestroy(),
  'resets in its headers': (socket) => sayAndReset(socket, 'HTTP/1.1 200 OK\r\nContent-Ty'),
  'resets in its body': (socket) =>
    sayAndReset(socket, `${JSON_HEAD}Content-Length: 500\r\n\r\n{"bot_token":`),
  'gives half a JSON': (socket) => answer(socket, '200 OK', '{"bot_token":"1:a","user', 'json'),
  'answers HTML with 200': (socket) => answer(socket, '200 OK', HTML, 'html'),
  'answers HTML with 502': (socket) => answer(socket, '502 Bad Gateway', HTML, 'html'),
  'answers a wrong shape': (socket) => answer(socket, '200 OK', '{"hello":["world"]}', 'json'),
  'fails inside': (socket) =>
    answer(socket, '500 Oops', '{"detail":"Internal Server Error"}', 'json'),
  redirects: (socket) => answer(socket, '302 Found\r\nLocation: /elsewhere', '', 'html'),
  'never ends': (socket) => {
    socket.write(`${JSON_HEAD}\r\n{"padding":"`)
    const pour = (): void => {
      while (socket.writable && socket.write('x'.repeat(16_384))) {}
    }
    socket.on('drain', pour)
    pour()
  },
  drips: (socket) => {
    socket.write(`${JSON_HEAD}Content-Length: 500\r\n\r\n{`)
    const timer = setInterval(() => socket.write(' '), 20)
    socket.once('close', () => clearInterval(timer))
  },
  'sends rubbish': (socket) => void socket.end(Buffer.from('\u0000\u0001rubbish'.repeat(40))),
} as const satisfies Record<string, (socket: Socket) => void>

export type PeerFault = keyof typeof FAULTS | 'refuses connections'

/** The faults that any HTTP peer can have. */
export const HTTP_FAULTS: PeerFault[] = [
  'refuses connections',
  ...(Object.keys(FAULTS) as PeerFault[]),
]

export interface FailingPeer {
  readonly port: number
  readonly url: string
  /** Connections that it accepted while it failed. */
  readonly connections: number
  fail: (fault: PeerFault) => Promise<void>
  /** From now on everything reaches the peer behind it. */
  recover: () => Promise<void>
}

/** A proxy before a healthy peer on loopback; it fails on demand and passes all through at first. */
export async function startFailingPeer(healthyPort: number): Promise<FailingPeer> {
  const sockets = new Set<Socket>()
  let fault: PeerFault | null = null
  let connections = 0

  function accept(socket: Socket): void {
    keep(socket)
    if (fault === null) {
      const behind = keep(connect(healthyPort, '127.0.0.1'))
      socket.pipe(behind).pipe(socket)
      socket.once('close', () => behind.destroy())
      behind.once('close', () => socket.destroy())
      return
    }
    connections++
    const play = FAULTS[fault as keyof typeof FAULTS]
    // Only what has been asked can be answered; one that resets at once does not wait for it.
    if (fault === 'resets at once') play(socket)
    else socket.once('data', () => play(socket))
    socket.resume()
  }

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer(accept)
  const listen = async (port: number): Promise<void> => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  }
  const stop = async (): Promise<void> => {
    const closed = server.listening ? once(server, 'close') : null
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const port = await freePort()
  await listen(port)
  onTestFinished(stop)

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    fail: async (next) => {
      fault = next
      if (next === 'refuses connections') return stop()
      for (const socket of sockets) socket.destroy()
    },
    recover: async () => {
      fault = null
      if (!server.listening) await listen(port)
      for (const socket of sockets) socket.destroy()
    },
  }
}

function answer(socket: Socket, status: string, body: string, type: 'html' | 'json'): void {
  const mime = type === 'html' ? 'text/html' : 'application/json'
  const length = Buffer.byteLength(body)
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${mime}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function sayAndReset(socket: Socket, text: string): void {
  socket.write(text, () => void socket.resetAndDestroy())
}
