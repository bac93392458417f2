import type { WebSocket } from '@fastify/websocket'

/** What a listener may leave unread before it is dropped. */
const MAX_UNREAD_BYTES = 64 * 1024
/** How often a silent listener is asked whether it is there; who misses one is dropped. */
const ASK_EVERY_MS = 30_000
/** Frames a listener may send within ten seconds. It has nothing to say but that it is there. */
const MAX_FRAMES = 100
const FRAMES_WITHIN_MS = 10_000
/** How long a listener that was sent away has to hear of it. */
const LINGER_MS = 1_000
/** RFC 6455, section 7.4.1. */
const POLICY_VIOLATION = 1008

export interface Subscriber {
  /** Resolves when the message has left this process, or never will: who waits for it keeps nothing for a slow reader. */
  tell: (message: object) => Promise<void>
}

/**
 * The far end of a socket, bounded in what it may say and in what it may leave unread. Pings are
 * answered here, for the library would answer any number of them to whoever reads none.
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
    tell: (message) =>
      new Promise((resolve) => {
        socket.send(JSON.stringify(message), () => resolve())
        dropWhenUnread(socket)
      }),
  }
}

/** Says whether a frame may be looked at; whoever sends too many is sent away and read no more. */
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

/** It comes back for the newest state, which is all it has missed. */
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
  }, ASK_EVERY_MS)
  socket.once('close', () => clearInterval(timer))
}
