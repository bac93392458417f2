import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import type { Pipelining } from '../connections/pipelining.ts'
import { originFor } from '../guards/cors.ts'
import { REFUSAL_HEADERS } from '../guards/security-headers.ts'

/** Not by `import`, which would load undici. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Answers what Node cannot parse, so that Fastify never sees a request. */
export interface ParseErrorAnswers {
  /** Fastify's `clientErrorHandler`: called when the parser fails. */
  onClientError: (error: ConnectionError, socket: Duplex) => void
  /** Watches the server's connections; call it before it listens. */
  watch: (app: FastifyInstance) => void
}

/** Node's error; `rawPacket` holds the bytes that it read last. */
export type ConnectionError = NodeJS.ErrnoException & { rawPacket?: unknown }

/** How long a client has to take the answer before its connection is cut. */
const LINGER_MS = 1_000

export interface ParseErrorOptions {
  /** Pages of these origins may read the answer; empty: all. */
  corsOrigins: readonly string[]
  /** Returns the requests of a connection that are not answered yet. */
  unanswered: Pipelining['unanswered']
}

export function createParseErrorAnswers(options: ParseErrorOptions): ParseErrorAnswers {
  const { corsOrigins, unanswered } = options

  /**
   * Whether the client would take an answer sent now for the one to the broken request. It would
   * not while an earlier request is being answered: the answer could land in the middle of a file.
   */
  function mayAnswer(socket: Duplex): boolean {
    return (
      socket.writable &&
      unanswered(socket).every(
        ({ request, response }) => !response.headersSent && !request.complete,
      )
    )
  }

  return {
    onClientError: (error, socket) => {
      if (error.code === 'ECONNRESET' || !mayAnswer(socket)) {
        socket.destroy()
        return
      }
      const allowed = originFor(corsOrigins, originIn(error.rawPacket))
      socket.end(toText(refusalFor(error.code), allowed))
      setTimeout(() => socket.destroy(), LINGER_MS).unref()
    },
    watch: (app) => {
      // Node answers an unknown `Expect` with 417 and no body; it is ignored instead.
      app.server.on('checkExpectation', (request, response) =>
        app.server.emit('request', request, response),
      )
      app.addHook('onRequest', async ({ raw }) => assertOneHost(raw))
    },
  }
}

function refusalFor(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW' || code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return new AppError('HEADERS_TOO_LARGE', 'The headers are too large')
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new AppError('REQUEST_TIMEOUT', 'The request took too long to arrive')
  }
  return new AppError('INVALID_REQUEST', 'The request is malformed')
}

/** Returns the `Origin` in the bytes read so far; undefined if there is none or more than one. */
function originIn(packet: unknown): string | undefined {
  const text = Buffer.isBuffer(packet) ? packet.toString('latin1') : ''
  const [origin, ...more] = [...text.matchAll(/\r\norigin:[ \t]*(\S+)[ \t]*\r\n/gi)]
  return more.length === 0 ? origin?.[1] : undefined
}

function toText({ status, message, code }: AppError, allowed: string | null): string {
  const body = JSON.stringify({ error: message, code })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(REFUSAL_HEADERS).map(([name, value]) => `${name}: ${value}`),
    ...(allowed === null ? [] : [`Access-Control-Allow-Origin: ${allowed}`, 'Vary: Origin']),
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}

/**
 * RFC 9112, section 3.2: no Host, or more than one, is a 400. Node's own answer to it has no body.
 */
function assertOneHost({ httpVersion, rawHeaders }: IncomingMessage): void {
  const count = rawHeaders.filter((name, at) => at % 2 === 0 && /^host$/i.test(name)).length
  if (count === 1 || (count === 0 && httpVersion === '1.0')) return
  throw new AppError('INVALID_REQUEST', 'The request needs one Host header')
}
