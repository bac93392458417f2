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
  /** Called when the handler is about to get a request. */
  onBegin: (exchange: Exchange) => void
  /** Called when a connection has no request any more that is not answered, or is gone. */
  onIdle: (socket: Duplex) => void
  /** Called before a connection is closed because it asked for too much at once. */
  onTooMany: () => void
}

export interface Pipelining {
  /** The listener for the server's `request` event, which hands requests on in turn. */
  inTurn: (handle: RequestListener) => RequestListener
  /** The listener for the server's `dropRequest` event. */
  onDropRequest: (request: IncomingMessage, socket: Duplex) => void
  /** What this connection has asked and not been answered yet. */
  unanswered: (socket: Duplex) => readonly Exchange[]
}

/** Requests of one connection that wait for their answers, the one that is worked on among them. */
const MAX_UNANSWERED = 16
/** What may come behind the request that is worked on, bodies too, before the connection is closed. */
const MAX_WAITING_BYTES = 64 * KiB
/** An answer's end is listened for by all that bound it; of a download by ten. */
const MAX_LISTENERS = 20
/** Requests that have waited give way to new connections, of which Node takes one in a turn. */
const WAITING_PER_TURN = 1

interface Queue {
  current: Exchange | null
  waiting: Exchange[]
  /** What had come when the first of those that wait came. */
  bytesBefore: number
}

/**
 * Handles the requests of one connection one after another, and closes a connection that has more
 * than 16 of them without an answer (RFC 9112, section 9.3.2, lets a server do both).
 *
 * Node parses whatever one read of 64 KB brings and emits every request at once, some 2,000 of them,
 * whether or not anything is read of the answers. Handled together, their answers would all be made
 * and wait in memory for the first one to be read. Handled in turn, a connection never costs more
 * than one answer, and what a read has brought beyond the limit is dropped before Fastify sees it.
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
    // After an answer with `Connection: close` there is none any more (RFC 9112, section 9.6).
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
    // It came behind an answer with `Connection: close`, or behind one too many.
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
