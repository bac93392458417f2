import websocket from '@fastify/websocket'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { LibraryService } from '../../core/library/library-service.ts'
import type { Progress } from '../../core/progress/progress-board.ts'
import type { ProgressWatch, Watched } from '../../core/progress/progress-watch.ts'
import { AppError } from '../../errors.ts'
import { parseWire, TokenQuery } from '../bodies/validation.ts'
import { createConnectionQuota } from '../guards/connection-quota.ts'
import { requireToken } from '../guards/presented-credentials.ts'
import { createSubscriber, type Subscriber } from '../push/subscriber.ts'
import { SOCKET_PATH } from '../push/upgrade.ts'
import { Ping, SocketParams, watchUploads } from '../schemas/socket.ts'

export interface SocketRoutesOptions {
  watch: ProgressWatch
  library: Pick<LibraryService, 'changes'>
  /** The most sockets at one time. */
  maxSubscribers: number
}

/** Pings have two dozen bytes, and no other message is understood. */
const MAX_MESSAGE_BYTES = 1024
const MAX_FRAGMENTS = 16
/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001

/** `WS /ws/{userId}`: the progress of all uploads of the token's owner, and changes of the library. */
export const socketRoutes: FastifyPluginAsync<SocketRoutesOptions> = async (app, options) => {
  const { watch, library, maxSubscribers } = options
  await app.register(websocket, {
    options: {
      maxPayload: MAX_MESSAGE_BYTES,
      maxFragments: MAX_FRAGMENTS,
      autoPong: false,
      clientTracking: true,
      perMessageDeflate: false,
    },
    preClose: async () => {
      for (const socket of app.websocketServer.clients) socket.close(GOING_AWAY, 'restarting')
    },
  })
  const quota = createConnectionQuota('sockets', maxSubscribers)
  const watched = new WeakMap<FastifyRequest, Subject>()

  /** Counts the connection until it ends, also while its token is checked. Aborts at its end. */
  function countUntilClosed(request: FastifyRequest): AbortSignal {
    const uncount = quota.take(request)
    const { socket } = request.raw
    const left = new AbortController()
    const onClose = (): void => {
      uncount()
      left.abort(new Error('the listener left'))
    }
    if (socket.closed) onClose()
    else socket.once('close', onClose)
    return left.signal
  }

  app.get(
    `${SOCKET_PATH}/:userId`,
    {
      websocket: true,
      schema: watchUploads,
      config: { presents: { token: 'query' } },
      // Before the upgrade, so that a refusal is an answer in HTTP.
      preHandler: async (request) => {
        if (!request.ws) throw new AppError('NOT_FOUND', 'This address is for WebSockets')
        const { userId } = parseWire(SocketParams, request.params)
        parseWire(TokenQuery, request.query)
        const token = requireToken(request)
        const signal = countUntilClosed(request)
        const uploads = await watch.user(userId, token, signal)
        watched.set(request, { uploads, library: await library.changes(token, signal) })
      },
    },
    async (socket, request) => {
      const found = watched.get(request)
      if (!found) return socket.terminate()
      const subscriber = createSubscriber(socket, (bytes) => {
        if (isPing(bytes)) void send(subscriber, 'pong', {})
      })
      const pushes = [
        pushUploads(subscriber, found.uploads),
        pushLibrary(subscriber, found.library),
      ]
      await Promise.all(pushes).catch((error: unknown) => {
        request.log.debug({ err: error }, 'a socket ended')
      })
    },
  )
}

/** What a socket tells of. */
interface Subject {
  uploads: Watched<Progress[]>
  library: AsyncGenerator<void>
}

async function pushLibrary(subscriber: Subscriber, changes: Subject['library']): Promise<void> {
  for await (const _ of changes) await send(subscriber, 'library_changed', {})
}

async function pushUploads(
  subscriber: Subscriber,
  { now, changes }: Subject['uploads'],
): Promise<void> {
  for (const progress of now) await send(subscriber, 'upload_progress', progress)
  for await (const { uploadId, progress } of changes) {
    await send(subscriber, 'upload_progress', progress ?? { uploadId, status: 'cancelled' })
  }
}

function send(subscriber: Subscriber, type: string, message: object): Promise<void> {
  return subscriber.send({ type, ...message, timestamp: new Date().toISOString() })
}

/** Every other message is ignored. */
function isPing(bytes: Buffer): boolean {
  try {
    return Ping.safeParse(JSON.parse(bytes.toString())).success
  } catch {
    return false
  }
}
