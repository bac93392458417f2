import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { KiB } from '../../lib/units.ts'
import type { Exchange } from './pipelining.ts'

export interface ConnectionsOptions {
  max: number
  /** How many requests of a connection are not answered yet. */
  unanswered: (socket: Duplex) => number
  /** Called when one was closed. */
  onClosed: (why: ClosedBecause) => void
  /** Milliseconds in which an answer has to be read of which so many bytes are left. */
  readWithinMs?: (bytes: number) => number
  /** How often connections with a request are looked at. */
  lookEveryMs?: number
  /** How long a body or an answer stands still before it gives way. */
  minStandingMs?: number
}

/** Its answer was not read; it waited longest when another one came; it came when all had work. */
export type ClosedBecause = 'unread' | 'waited' | 'no place'

/**
 * The server's connections. There are only so many, and behind a proxy they all come from one
 * address: so when all places are taken, a newcomer gets the one of a connection that only waits
 * for its peer. A connection that the worker works for, or whose peer moves, keeps its place, unless
 * all do and it has asked for more than one thing at once.
 */
export interface Connections {
  readonly max: number
  /** Takes in this server's connections. */
  watch: (server: Server) => void
  /** A request has begun. */
  begin: (exchange: Exchange) => void
  /** The connection has no request any more. */
  idle: (socket: Duplex) => void
  /** The caller bounds the reader of this answer in another way. */
  exempt: (response: ServerResponse) => void
  /** The request is refused; the rest of it is read only so that its sender sees the refusal. */
  refuse: (response: ServerResponse) => void
}

/** A minute, and what its size takes at 8 KB/s: a phone at its worst is as fast. */
const READ_WITHIN_MS = (bytes: number): number => 60_000 + bytes / 8
/** A body that comes slower stands still; `slow-senders.ts` has the same bound. */
const SENT_BYTES_PER_MS = KiB / 1_000
const LOOK_EVERY_MS = 500
/** More than a look and the pauses of a good line: only such a body or answer gives way. */
const MIN_STANDING_MS = 750

/** A connection's first request takes a round trip to come. */
const NEW_MS = 1_000

/** What a connection is waited for: its first request, its next one, or that its peer moves. */
type WaitedFor = 'first request' | 'next request' | 'peer'

interface Connection {
  readonly socket: Socket
  exchange: Exchange | null
  hasAsked: boolean
  /** Whether it is a WebSocket by now. */
  upgraded: boolean
  /** What the caller said of the exchange. */
  verdict: 'exempt' | 'refused' | null
  /** Since when its peer is waited for, as the last look found it. */
  since: number
  lookedAt: number
  bytesRead: number
  /** Milliseconds in which its answer has to be read; null while there is none to read. */
  readWithinMs: number | null
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { max, unanswered, onClosed, lookEveryMs = LOOK_EVERY_MS } = options
  const { readWithinMs = READ_WITHIN_MS, minStandingMs = MIN_STANDING_MS } = options
  const connections = new Map<Duplex, Connection>()

  function enter(socket: Socket): void {
    if (connections.size >= max) {
      const leaving = longestWaiting()
      close(leaving ?? socket, leaving ? 'waited' : 'no place')
      if (!leaving) return
    }
    const now = performance.now()
    const start = { since: now, lookedAt: now, bytesRead: 0, readWithinMs: null, verdict: null }
    connections.set(socket, { socket, exchange: null, hasAsked: false, upgraded: false, ...start })
    socket.once('close', () => connections.delete(socket))
  }

  function close(socket: Socket, why: ClosedBecause): void {
    connections.delete(socket)
    socket.destroy()
    onClosed(why)
  }

  /** Of those that are waited for for the same reason, the largest group gives way. */
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
    // One that has hardly come is about to ask: it must not go for the next that comes.
    const isNew = longest && !longest.hasAsked && now - longest.since < NEW_MS
    if (longest && !isNew) return longest.socket
    return oldestPipelining() ?? longest?.socket
  }

  /** Its client has to be ready for that, and asks again (RFC 9112, section 9.3.2). */
  function oldestPipelining(): Socket | undefined {
    for (const { socket } of connections.values()) if (unanswered(socket) > 1) return socket
    return undefined
  }

  /** Null: the worker's turn, or its peer moves. */
  function waitedFor(connection: Connection, now: number): WaitedFor | null {
    if (connection.upgraded) return null
    if (connection.exchange === null) return connection.hasAsked ? 'next request' : 'first request'
    if (connection.verdict === 'refused') return 'peer'
    const stands = !moves(connection, connection.exchange, now)
    return stands && now - connection.since >= minStandingMs ? 'peer' : null
  }

  /** Whether the exchange goes on, or it is not its peer that it stands still for. */
  function moves(connection: Connection, exchange: Exchange, now: number): boolean {
    const { request, response } = exchange
    if (!request.complete) {
      if (request.readableLength > 0) return true
      const bytes = connection.socket.bytesRead - connection.bytesRead
      return bytes > 0 && bytes >= SENT_BYTES_PER_MS * (now - connection.lookedAt)
    }
    return !isUnread(connection, response)
  }

  /** Whether the answer is made, and the peer has not taken it. */
  function isUnread({ verdict }: Connection, response: ServerResponse): boolean {
    return response.writableEnded && !response.writableFinished && verdict !== 'exempt'
  }

  function judge(response: ServerResponse, verdict: Connection['verdict']): void {
    const connection = connections.get(response.req.socket)
    if (connection?.exchange?.response === response) connection.verdict = verdict
  }

  function look(connection: Connection, exchange: Exchange, now: number): void {
    const { socket } = connection
    if (moves(connection, exchange, now)) connection.since = now
    connection.lookedAt = now
    connection.bytesRead = socket.bytesRead
    if (!isUnread(connection, exchange.response)) {
      connection.readWithinMs = null
      return
    }
    connection.readWithinMs ??= readWithinMs(socket.writableLength)
    if (now - connection.since > connection.readWithinMs) close(socket, 'unread')
  }

  function lookAtAll(): void {
    const now = performance.now()
    for (const connection of connections.values()) {
      if (connection.exchange) look(connection, connection.exchange, now)
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
      const timer = setInterval(lookAtAll, lookEveryMs).unref()
      server.once('close', () => clearInterval(timer))
    },
    begin: (exchange) => {
      const connection = connections.get(exchange.request.socket)
      if (!connection) return
      const now = performance.now()
      connection.exchange = exchange
      connection.hasAsked = true
      connection.since = now
      connection.lookedAt = now
      connection.bytesRead = connection.socket.bytesRead
      connection.readWithinMs = null
      connection.verdict = null
    },
    idle: (socket) => {
      const connection = connections.get(socket)
      if (!connection) return
      connection.exchange = null
      connection.since = performance.now()
    },
    exempt: (response) => judge(response, 'exempt'),
    refuse: (response) => judge(response, 'refused'),
  }
}
