import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { KiB } from '../../lib/units.ts'
import { createTurnBudget } from '../../lib/waiting/turn-budget.ts'

/** A request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export interface PipeliningOptions {
  /** Called before the handler gets a request. */
  onBegin: (exchange: Exchange) => void
  /** Called when all requests of a connection are answered, or it is closed. */
  onIdle: (socket: Duplex) => void
  /** Called before a connection is closed because of too many requests at once. */
  onTooMany: () => void
}

export interface Pipelining {
  /** The listener for the server's `request` event, which hands requests on in turn. */
  inTurn: (handle: RequestListener) => RequestListener
  /** The listener for the server's `dropRequest` event. */
  onDropRequest: (request: IncomingMessage, socket: Duplex) => void
  /** Returns the requests of this connection that are not answered yet. */
  unanswered: (socket: Duplex) => readonly Exchange[]
}

/** Requests of one connection without an answer, including the one in progress. */
const MAX_UNANSWERED = 16
/**
 * Bytes that may come after the request in progress, bodies too, before the connection is closed.
 */
const MAX_WAITING_BYTES = 64 * KiB
/** Several guards listen for an answer's end; of a download there are ten. */
const MAX_LISTENERS = 20
/** Node accepts one new connection in a turn, so no more than one waiting request begins in it. */
const WAITING_PER_TURN = 1

interface Queue {
  current: Exchange | null
  waiting: Exchange[]
  /** Bytes that the connection had received when the first waiting request came. */
  bytesBefore: number
}

/**
 * Handles the requests of one connection one after another, and closes a connection that has more
 * than 16 of them without an answer (RFC 9112, section 9.3.2, lets a server do both).
 *
 * Node parses one read of 64 KB at once and emits every request in it, up to some 2,000, even if the
 * client reads no answer. Handled together, all their answers would wait in memory for the first one
 * to be read. Handled in turn, a connection never costs more than one answer, and requests beyond
 * the limit are dropped before Fastify sees them.
 */
export function createPipelining(options: PipeliningOptions): Pipelining {
  const { onBegin, onIdle, onTooMany } = options
  const queues = new WeakMap<Duplex, Queue>()
  const turns = createTurnBudget(WAITING_PER_TURN)

  function queueOf(socket: Duplex): Queue {
    const found = queues.get(socket)
    if (found) return found
    const queue: Queue = { current: null, waiting: [], bytesBefore: 0 }
    queues.set(socket, queue)
    return queue
  }

  function begin(queue: Queue, exchange: Exchange, handle: RequestListener): void {
    const { request, response } = exchange
    queue.current = exchange
    response.setMaxListeners(MAX_LISTENERS)
    response.once('close', () => void goOn(queue, request.socket, handle))
    onBegin(exchange)
    handle(request, response)
  }

  async function goOn(queue: Queue, socket: Duplex, handle: RequestListener): Promise<void> {
    if (queue.waiting.length > 0) await turns.take(1)
    // After an answer with `Connection: close` no other follows (RFC 9112, section 9.6).
    const next = socket.writable ? queue.waiting.shift() : undefined
    if (next) return begin(queue, next, handle)
    queue.current = null
    queue.waiting = []
    onIdle(socket)
  }

  function close(socket: Duplex): void {
    onTooMany()
    stopParsing(socket)
    socket.destroy()
  }

  function take(exchange: Exchange, handle: RequestListener): void {
    const { socket } = exchange.request
    // The connection is closing.
    if (!socket.writable) return
    const queue = queueOf(socket)
    if (queue.current === null) begin(queue, exchange, handle)
    else wait(queue, exchange)
  }

  function wait(queue: Queue, exchange: Exchange): void {
    const { waiting } = queue
    const { socket } = exchange.request
    if (waiting.length === 0) queue.bytesBefore = socket.bytesRead
    const waitingBytes = socket.bytesRead - queue.bytesBefore
    if (waiting.length + 1 >= MAX_UNANSWERED || waitingBytes > MAX_WAITING_BYTES) close(socket)
    else waiting.push(exchange)
  }

  return {
    inTurn: (handle) => (request, response) => take({ request, response }, handle),
    // Node answers those beyond `maxRequestsPerSocket` itself, however many wait to be sent.
    onDropRequest: (_request, socket) => {
      if (!socket.destroyed) close(socket)
    },
    unanswered: (socket) => {
      const { current = null, waiting = [] } = queues.get(socket) ?? {}
      return current === null ? [] : [current, ...waiting]
    },
  }
}

/**
 * Makes the parser fail at the next request of the read that it is in. Otherwise it would go on to
 * the read's end, with a request and a response for each that all live until the socket is closed:
 * 2,000 connections would take half a minute and a gigabyte to turn away. Node has no public call
 * for it; without this property the rest is dropped one by one.
 */
function stopParsing(socket: Duplex): void {
  const parser: unknown = Reflect.get(socket, 'parser')
  if (typeof parser === 'object' && parser !== null) Reflect.set(parser, 'onIncoming', () => -1)
}
