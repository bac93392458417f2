import type { WebSocket } from '@fastify/websocket'
import { KiB } from '../../lib/units.ts'

/** Bytes that a subscriber may leave unread before it is dropped. */
const MAX_UNREAD_BYTES = 64 * KiB
/** How often a subscriber is pinged; it is dropped if it has not answered the ping before. */
const PING_EVERY_MS = 30_000
/** Frames that a subscriber may send within ten seconds. It has no need to send more than pings. */
const MAX_FRAMES = 100
const FRAMES_WITHIN_MS = 10_000
/** How long a subscriber has to take the reason for its close before the connection is cut. */
const LINGER_MS = 1_000
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008

export interface Subscriber {
  /**
   * Resolves when the message has left this process, or never will. A caller that waits queues no
   * more for a slow reader.
   */
  send: (message: object) => Promise<void>
}

/**
 * The peer of a socket, limited in the frames it sends and in the bytes it leaves unread. Pings are
 * answered here, because the library would queue answers without end for a peer that reads none.
 */
export function createSubscriber(
  socket: WebSocket,
  onMessage: (bytes: Buffer) => void,
): Subscriber {
  const counts = createFrameCount(socket)
  dropWhenSilent(socket)
  socket.on('message', (bytes: Buffer) => {
    if (counts()) onMessage(bytes)
  })
  socket.on('ping', (bytes: Buffer) => {
    if (!counts()) return
    socket.pong(bytes)
    dropWhenUnread(socket)
  })
  socket.on('pong', () => void counts())
  return {
    send: (message) =>
      new Promise((resolve) => {
        socket.send(JSON.stringify(message), () => resolve())
        dropWhenUnread(socket)
      }),
  }
}

/**
 * Returns a function that counts a frame and tells whether to handle it. With too many the socket
 * is closed.
 */
function createFrameCount(socket: WebSocket): () => boolean {
  let frames = 0
  let since = performance.now()
  return () => {
    if (socket.readyState !== socket.OPEN) return false
    if (performance.now() - since > FRAMES_WITHIN_MS) {
      frames = 0
      since = performance.now()
    }
    frames += 1
    if (frames <= MAX_FRAMES) return true
    socket.close(POLICY_VIOLATION, 'too many frames')
    socket.pause()
    setTimeout(() => socket.terminate(), LINGER_MS).unref()
    return false
  }
}

/** The subscriber reconnects and gets the newest state, so it misses nothing. */
function dropWhenUnread(socket: WebSocket): void {
  if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate()
}

function dropWhenSilent(socket: WebSocket): void {
  let heard = true
  socket.on('pong', () => {
    heard = true
  })
  const timer = setInterval(() => {
    if (!heard) return socket.terminate()
    heard = false
    socket.ping()
  }, PING_EVERY_MS)
  socket.once('close', () => clearInterval(timer))
}
