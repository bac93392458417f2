import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { registerAnswer } from '../../secrets/register.ts'
import { registerSecret } from '../../secrets/trace.ts'
import { freePort } from '../free-port.ts'

export interface BackendCall {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What the next calls get instead of an answer. */
export type BackendFault =
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  | { kind: 'html'; status?: number }
  /** Says it will send more than it does, then cuts the connection. */
  | { kind: 'half' }
  | { kind: 'reset' }
  | { kind: 'slow'; ms: number }
  /** A good status with another shape. */
  | { kind: 'shape'; body: unknown }
  | { kind: 'huge' }

export interface FakeBackend {
  readonly url: string
  readonly calls: readonly BackendCall[]
  callsTo: (path: string) => BackendCall[]
  /** Webhooks that were taken, as the backend read them. */
  readonly webhooks: readonly unknown[]
  /** What `/api/worker/credentials` answers, by login token. */
  readonly logins: Map<string, object>
  /** What `/api/worker/verify-download-token` answers, by download token. */
  readonly downloads: Map<string, object>
  /** Puts a fault before the next `times` calls (every call when it is Infinity). */
  fail: (fault: BackendFault, times?: number) => void
  recover: () => void
  /** Stops listening; `resume` listens at the same address again. */
  stop: () => Promise<void>
  resume: () => Promise<void>
}

/**
 * The TeleStore backend's three endpoints on a port of its own; it closes itself with the test, or
 * where there is none when `onEnd` says so.
 */
export async function startBackend(
  onEnd: (stop: () => Promise<void>) => void = onTestFinished,
): Promise<FakeBackend> {
  const calls: BackendCall[] = []
  const webhooks: unknown[] = []
  const logins = new Map<string, object>()
  const downloads = new Map<string, object>()
  let fault: BackendFault | null = null
  let faultsLeft = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    const body = await text(request)
    calls.push({ path, headers: request.headers, body })
    if (fault && faultsLeft > 0) {
      faultsLeft--
      if (await spoil(fault, response)) return
    }
    if (path === '/api/worker/credentials') answerCredentials(request, response)
    else if (path === '/api/worker/verify-download-token') answerVerification(body, response)
    else if (path === '/api/webhook/upload') {
      webhooks.push(JSON.parse(body))
      send(response, 200, { success: true })
    } else send(response, 404, { detail: 'Not Found' })
  }

  function answerCredentials(request: IncomingMessage, response: ServerResponse): void {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const login = logins.get(token)
    send(response, login ? 200 : 401, login ?? { detail: 'Invalid token' })
  }

  function answerVerification(body: string, response: ServerResponse): void {
    const grant = downloads.get(new URLSearchParams(body).get('token') ?? '')
    // The deployed backend's way to refuse a token that is signed well but is no download token.
    send(response, grant ? 200 : 500, grant ?? { detail: '401: Invalid token' })
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const port = await freePort()
  await listen(port)
  onEnd(stop)

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    callsTo: (path) => calls.filter((call) => call.path === path),
    webhooks,
    logins,
    downloads,
    fail: (next, times = Number.POSITIVE_INFINITY) => {
      fault = next
      faultsLeft = times
    },
    recover: () => {
      fault = null
    },
    stop,
    resume: () => listen(port),
  }
}

/** What the backend answers for a login token of a user with a bot and a session. */
export function loginAnswer(userId: string, changes: object = {}): object {
  return registerAnswer({
    bot_token: `100${userId.length}:bot-token-of-${userId}`,
    channel_id: '-1001234567890',
    telegram_session: `session-of-${userId}`,
    telegram_api_id: '12345',
    telegram_api_hash: 'hash-of-the-app',
    user_id: userId,
    backend_url: 'https://backend.example',
    ...changes,
  })
}

/** What it answers for a download token. */
export function downloadAnswer(userId: string, changes: object = {}): object {
  return registerAnswer({
    valid: true,
    telegram_session: `session-of-${userId}`,
    telegram_api_id: 12345,
    telegram_api_hash: 'hash-of-the-app',
    channel_id: '-1001234567890',
    user_id: userId,
    ...changes,
  })
}

/** A JWT with these claims; its signature is not checked here. */
export function makeJwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  const token = `${head}.${createHmac('sha256', 'fake').update(head).digest('base64url')}`
  registerSecret('JWT', token)
  return token
}

/** Returns whether the call has had its answer. */
async function spoil(fault: BackendFault, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'status':
      send(response, fault.status, fault.body ?? { detail: 'No' }, fault.headers)
      return true
    case 'shape':
      send(response, 200, fault.body)
      return true
    case 'html':
      response.writeHead(fault.status ?? 200, { 'content-type': 'text/html' })
      response.end('<html><body>Service waking up</body></html>')
      return true
    case 'half':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
      response.write('{"bot_token":', () => response.destroy())
      return true
    case 'huge':
      send(response, 200, { padding: 'x'.repeat(MiB) })
      return true
    case 'reset':
      response.destroy()
      return true
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, fault.ms))
      return false
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
