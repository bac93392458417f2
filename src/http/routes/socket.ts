import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyPluginAsync } from 'fastify'
import type { Progress } from '../../core/progress.ts'
import type { ProgressWatch, Watched } from '../../core/progress-watch.ts'
import { AppError } from '../../errors.ts'
import { tokenOf } from '../token.ts'
import { parseWire, TokenQuery } from '../validation.ts'
import { Ping, SocketParams, watchUploads } from '../wire/socket.ts'

export interface SocketRoutesOptions {
  watch: ProgressWatch
}

/** Sockets at one time. */
const MAX_SOCKETS = 1_000
/** A ping is two dozen bytes; nothing else is understood. */
const MAX_MESSAGE_BYTES = 1024
/** What a listener may leave unread before it is dropped. */
const MAX_UNREAD_BYTES = 64 * 1024
/** How often a silent listener is asked whether it is there; who misses one is dropped. */
const ASK_EVERY_MS = 30_000
/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001

/** `WS /ws/{userId}`: the progress of all uploads of one user. */
export const socketRoutes: FastifyPluginAsync<SocketRoutesOptions> = async (app, { watch }) => {
  await app.register(websocket, {
    options: { maxPayload: MAX_MESSAGE_BYTES, clientTracking: true, perMessageDeflate: false },
    preClose: async () => {
      for (const socket of app.websocketServer.clients) socket.close(GOING_AWAY, 'restarting')
    },
  })
  const watched = new WeakMap<object, { watched: Watched<Progress[]>; leave: AbortController }>()

  app.get(
    '/ws/:userId',
    {
      websocket: true,
      schema: watchUploads,
      // Before the upgrade, so that a refusal is an answer in HTTP.
      preHandler: async (request) => {
        if (!request.ws) throw new AppError('NOT_FOUND', 'This address is for WebSockets')
        if (app.websocketServer.clients.size >= MAX_SOCKETS) {
          throw new AppError('BUSY', 'Too many sockets at once', { retryAfter: 5 })
        }
        const { userId } = parseWire(SocketParams, request.params)
        const token = tokenOf(request, parseWire(TokenQuery, request.query).token)
        if (token === null) throw new AppError('TOKEN_MISSING', 'token: is missing')
        const leave = new AbortController()
        request.raw.socket.once('close', () => leave.abort(new Error('the listener left')))
        watched.set(request, { watched: await watch.user(userId, token, leave.signal), leave })
      },
    },
    async (socket, request) => {
      const found = watched.get(request)
      if (!found) return socket.terminate()
      socket.once('close', () => found.leave.abort(new Error('the listener left')))
      answerPings(socket)
      dropWhenSilent(socket)
      await push(socket, found.watched).catch((error: unknown) => {
        request.log.debug({ err: error }, 'a socket ended')
      })
    },
  )
}

async function push(socket: WebSocket, { now, changes }: Watched<Progress[]>): Promise<void> {
  for (const progress of now) tell(socket, progress)
  for await (const { uploadId, progress } of changes) {
    tell(socket, progress ?? { uploadId, status: 'cancelled' })
  }
}

function tell(socket: WebSocket, progress: Progress | { uploadId: string; status: string }): void {
  send(socket, { type: 'upload_progress', ...progress, timestamp: new Date().toISOString() })
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message))
  // It comes back for the newest state, which is all it has missed.
  if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate()
}

function answerPings(socket: WebSocket): void {
  socket.on('message', (bytes: Buffer) => {
    if (isPing(bytes)) send(socket, { type: 'pong', timestamp: new Date().toISOString() })
  })
}

/** Whatever else it says is nobody's business here. */
function isPing(bytes: Buffer): boolean {
  try {
    return Ping.safeParse(JSON.parse(bytes.toString())).success
  } catch {
    return false
  }
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
