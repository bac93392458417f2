import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { KiB } from '../../lib/units.ts'
import type { Exchange } from './pipelining.ts'

export interface ConnectionsOptions {
  max: number
  /** Returns how many requests of a connection are not answered yet. */
  unanswered: (socket: Duplex) => number
  /** Called when a connection was closed. */
  onClosed: (why: ClosedBecause) => void
  /** Returns in how many milliseconds the rest of an answer, so many bytes, has to be read. */
  readWithinMs?: (bytes: number) => number
  /** How often connections with a request are checked. */
  checkEveryMs?: number
  /** How long a body or an answer is stalled before its connection may be closed for a new one. */
  minStallMs?: number
}

/**
 * `unread`: its answer was not read. `waited`: it had waited longest when a new one came.
 * `no place`: it was new, and the worker was busy with all others.
 */
export type ClosedBecause = 'unread' | 'waited' | 'no place'

/**
 * Limits the server's connections. Behind a proxy they all come from one address, so no address can
 * be blamed: when the limit is reached, a new connection replaces one that only waits for its peer.
 * A connection is kept while the worker works on its request or its peer sends or reads. Only if
 * all are in use, one with several requests at once is closed.
 */
export interface Connections {
  readonly max: number
  /** Limits the connections of this server. */
  watch: (server: Server) => void
  /** Called when a request begins. */
  begin: (exchange: Exchange) => void
  /** Called when a connection has no request any more. */
  idle: (socket: Duplex) => void
  /** Called for an answer whose reader is limited in another way. */
  exempt: (response: ServerResponse) => void
  /**
   * Called when a request is refused, and its rest is read only so that the sender sees the
   * refusal.
   */
  refuse: (response: ServerResponse) => void
}

/** A minute, and what its size takes at 8 KB/s: a phone at its worst is as fast. */
const READ_WITHIN_MS = (bytes: number): number => 60_000 + bytes / 8
/** A body that comes slower is stalled; `min-upload-rate.ts` has the same limit. */
const SENT_BYTES_PER_MS = KiB / 1_000
const CHECK_EVERY_MS = 500
/** Longer than the time between two checks, and than the pauses of a good line. */
const MIN_STALL_MS = 750

/** A connection's first request takes a round trip to come. */
const NEW_MS = 1_000

/** What the server waits for: a first request, the next one, or a peer that is stalled. */
type WaitedFor = 'first request' | 'next request' | 'peer'

interface Connection {
  readonly socket: Socket
  exchange: Exchange | null
  hasAsked: boolean
  /** Whether it has become a WebSocket. */
  upgraded: boolean
  /** Set by `exempt` and `refuse` for the current exchange. */
  mark: 'exempt' | 'refused' | null
  /** Since when the server waits for the peer, as of the last check. */
  since: number
  checkedAt: number
  bytesRead: number
  /** Milliseconds in which the answer has to be read; null while there is no answer to read. */
  readWithinMs: number | null
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { max, unanswered, onClosed, checkEveryMs = CHECK_EVERY_MS } = options
  const { readWithinMs = READ_WITHIN_MS, minStallMs = MIN_STALL_MS } = options
  const connections = new Map<Duplex, Connection>()

  function enter(socket: Socket): void {
    if (connections.size >= max) {
      const replaced = longestWaiting()
      close(replaced ?? socket, replaced ? 'waited' : 'no place')
      if (!replaced) return
    }
    const now = performance.now()
    const start = { since: now, checkedAt: now, bytesRead: 0, readWithinMs: null, mark: null }
    connections.set(socket, { socket, exchange: null, hasAsked: false, upgraded: false, ...start })
    socket.once('close', () => connections.delete(socket))
  }

  function close(socket: Socket, why: ClosedBecause): void {
    connections.delete(socket)
    socket.destroy()
    onClosed(why)
  }

  /** Returns the longest waiting connection of the largest group that waits for the same thing. */
  function longestWaiting(): Socket | undefined {
    const now = performance.now()
    const groups: Partial<Record<WaitedFor, { count: number; longest: Connection }>> = {}
    for (const connection of connections.values()) {
      const reason = waitedFor(connection, now)
      if (reason === null) continue
      groups[reason] ??= { count: 0, longest: connection }
      const group = groups[reason]
      group.count += 1
      if (connection.since < group.longest.since) group.longest = connection
    }
    const longest = Object.values(groups).sort((a, b) => b.count - a.count)[0]?.longest
    // A connection that has just been opened is about to send its request.
    const isNew = longest && !longest.hasAsked && now - longest.since < NEW_MS
    if (longest && !isNew) return longest.socket
    return oldestPipelining() ?? longest?.socket
  }

  /** A client that pipelines must be ready to repeat its requests (RFC 9112, section 9.3.2). */
  function oldestPipelining(): Socket | undefined {
    for (const { socket } of connections.values()) if (unanswered(socket) > 1) return socket
    return undefined
  }

  /** Returns null while the worker works on the request, or the peer sends or reads. */
  function waitedFor(connection: Connection, now: number): WaitedFor | null {
    if (connection.upgraded) return null
    if (connection.exchange === null) return connection.hasAsked ? 'next request' : 'first request'
    if (connection.mark === 'refused') return 'peer'
    const stalled = !isMoving(connection, connection.exchange, now)
    return stalled && now - connection.since >= minStallMs ? 'peer' : null
  }

  /** Whether the exchange goes on, or waits for the worker rather than for the peer. */
  function isMoving(connection: Connection, exchange: Exchange, now: number): boolean {
    const { request, response } = exchange
    if (!request.complete) {
      if (request.readableLength > 0) return true
      const bytes = connection.socket.bytesRead - connection.bytesRead
      return bytes > 0 && bytes >= SENT_BYTES_PER_MS * (now - connection.checkedAt)
    }
    return !isUnread(connection, response)
  }

  /** Whether the answer is complete, and the peer has not read all of it. */
  function isUnread({ mark }: Connection, response: ServerResponse): boolean {
    return response.writableEnded && !response.writableFinished && mark !== 'exempt'
  }

  function setMark(response: ServerResponse, mark: Connection['mark']): void {
    const connection = connections.get(response.req.socket)
    if (connection?.exchange?.response === response) connection.mark = mark
  }

  function check(connection: Connection, exchange: Exchange, now: number): void {
    const { socket } = connection
    if (isMoving(connection, exchange, now)) connection.since = now
    connection.checkedAt = now
    connection.bytesRead = socket.bytesRead
    if (!isUnread(connection, exchange.response)) {
      connection.readWithinMs = null
      return
    }
    connection.readWithinMs ??= readWithinMs(socket.writableLength)
    if (now - connection.since > connection.readWithinMs) close(socket, 'unread')
  }

  function checkAll(): void {
    const now = performance.now()
    for (const connection of connections.values()) {
      if (connection.exchange) check(connection, connection.exchange, now)
    }
  }

  return {
    max,
    watch: (server) => {
      server.on('connection', enter)
      server.on('upgrade', (_request, socket) => {
        const connection = connections.get(socket)
        if (connection) connection.upgraded = true
      })
      const timer = setInterval(checkAll, checkEveryMs).unref()
      server.once('close', () => clearInterval(timer))
    },
    begin: (exchange) => {
      const connection = connections.get(exchange.request.socket)
      if (!connection) return
      const now = performance.now()
      connection.exchange = exchange
      connection.hasAsked = true
      connection.since = now
      connection.checkedAt = now
      connection.bytesRead = connection.socket.bytesRead
      connection.readWithinMs = null
      connection.mark = null
    },
    idle: (socket) => {
      const connection = connections.get(socket)
      if (!connection) return
      connection.exchange = null
      connection.since = performance.now()
    },
    exempt: (response) => setMark(response, 'exempt'),
    refuse: (response) => setMark(response, 'refused'),
  }
}
