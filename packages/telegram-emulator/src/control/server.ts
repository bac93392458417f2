import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import { type HttpListener, listenHttp, urlOf } from '../http-listener.ts'
import { type Controlled, controlRoutes } from './routes.ts'

const LOCAL_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** The endpoint by which tests in other processes script the emulator. */
export function openControl(
  controlled: Controlled,
  address: { host: string; port: number },
): Promise<HttpListener> {
  const server = createServer((request, response) => {
    serve(controlled, request)
      .then(({ status, body }) => send(response, status, body))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        send(response, error instanceof z.ZodError ? 400 : 500, { error: message })
      })
  })
  return listenHttp(server, address)
}

async function serve(
  controlled: Controlled,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  if (!isFromHere(request)) return { status: 403, body: { error: 'Only for this machine' } }
  const url = urlOf(request)
  const route = controlRoutes[`${request.method} ${url.pathname}`]
  if (!route) return { status: 404, body: { error: 'No such route' } }
  const body = request.method === 'POST' ? await readBody(request) : undefined
  if (body === INVALID) return { status: 400, body: { error: 'The body is not JSON' } }
  return { status: 200, body: await route(controlled, { query: url.searchParams, body }) }
}

/**
 * A page in a browser must not steer it: pages send an Origin, and one that got here by a name of
 * its own that points to 127.0.0.1 (DNS rebinding) sends that name as Host.
 */
function isFromHere({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined) return false
  return LOCAL_HOSTS.has((headers.host ?? '').replace(/:\d+$/, '').toLowerCase())
}

const INVALID = Symbol('not JSON')

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-length'] === '0') return {}
  try {
    return await json(request)
  } catch {
    return request.headers['content-length'] === undefined ? {} : INVALID
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
