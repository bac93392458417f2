import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'

const JSON_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
const HTML = '<html><body>Service waking up</body></html>'

/** Ways to be ill, as bytes on a socket, for any peer that speaks HTTP. */
export const SYMPTOMS = {
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

export type Symptom = keyof typeof SYMPTOMS | 'refuses connections'

/** The symptoms that any HTTP peer can have. */
export const HTTP_SYMPTOMS: Symptom[] = [
  'refuses connections',
  ...(Object.keys(SYMPTOMS) as Symptom[]),
]

export interface SickPeer {
  readonly port: number
  readonly url: string
  /** Connections that were taken while it was ill. */
  readonly visits: number
  fallIll: (symptom: Symptom) => Promise<void>
  /** From now on everything reaches the peer behind it. */
  recover: () => Promise<void>
}

/** Stands before a healthy peer on loopback and plays an ill one; well at first. */
export async function startSickPeer(healthyPort: number): Promise<SickPeer> {
  const sockets = new Set<Socket>()
  let symptom: Symptom | null = null
  let visits = 0

  function greet(socket: Socket): void {
    keep(socket)
    if (symptom === null) {
      const behind = keep(connect(healthyPort, '127.0.0.1'))
      socket.pipe(behind).pipe(socket)
      socket.once('close', () => behind.destroy())
      behind.once('close', () => socket.destroy())
      return
    }
    visits++
    const play = SYMPTOMS[symptom as keyof typeof SYMPTOMS]
    // Only what has been asked can be answered; one that resets at once does not wait for it.
    if (symptom === 'resets at once') play(socket)
    else socket.once('data', () => play(socket))
    socket.resume()
  }

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  const server = createServer(greet)
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
    get visits() {
      return visits
    },
    fallIll: async (next) => {
      symptom = next
      if (next === 'refuses connections') return stop()
      for (const socket of sockets) socket.destroy()
    },
    recover: async () => {
      symptom = null
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
