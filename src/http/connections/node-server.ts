import type { RequestListener, Server } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import { maxOpenFiles } from '../../lib/process-limits.ts'
import { MAX_CONNECTIONS, MAX_REQUESTS_PER_SOCKET, NODE_LIMITS } from '../guards/limits.ts'
import { opensSocket } from '../push/upgrade.ts'
import { type ClosedBecause, type Connections, createConnections } from './connections.ts'
import { createPipelining, type Pipelining } from './pipelining.ts'

/** Not by `import`, which would load undici. */
const { createServer } = process.getBuiltinModule('node:http')

export interface NodeServer {
  /** Fastify's option: the server that hands it requests. */
  serverFactory: (handle: RequestListener) => Server
  connections: Connections
  /** Returns the requests of a connection that are not answered yet. */
  unanswered: Pipelining['unanswered']
}

/** Each connection may bring a chunk, which has a file of its own. */
const FILES_PER_CONNECTION = 2
const WARN_EVERY_MS = 60_000

/** Node's server, with limits on one connection and on all of them. */
export function createNodeServer(log: Pick<FastifyBaseLogger, 'warn' | 'info'>): NodeServer {
  const max = Math.min(MAX_CONNECTIONS, Math.floor(maxOpenFiles() / FILES_PER_CONNECTION))
  let warnedAt = Number.NEGATIVE_INFINITY

  function onClosed(why: ClosedBecause): void {
    if (why === 'unread') log.info('a connection was closed whose answer was not read')
    // In a flood thousands are closed in a second.
    else if (performance.now() - warnedAt >= WARN_EVERY_MS) {
      warnedAt = performance.now()
      log.warn({ connections: max, why }, 'all connections are taken: one was closed for another')
    }
  }

  const connections = createConnections({
    max,
    onClosed,
    unanswered: (socket) => unanswered(socket).length,
  })
  const pipelining = createPipelining({
    onBegin: connections.begin,
    onIdle: connections.idle,
    onTooMany: () => log.info('a connection with too many unanswered requests was closed'),
  })
  const { unanswered, inTurn } = pipelining

  function serverFactory(handle: RequestListener): Server {
    const server = createServer({
      ...NODE_LIMITS,
      // An upgrade would take the connection away from earlier requests that are not answered yet.
      shouldUpgradeCallback: (request) =>
        opensSocket(request) && unanswered(request.socket).length === 0,
    })
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
    server.on('request', inTurn(handle))
    server.on('dropRequest', pipelining.onDropRequest)
    connections.watch(server)
    return server
  }

  return { serverFactory, connections, unanswered }
}
