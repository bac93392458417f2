import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** What happens to one request on its way. */
export type Spoiling =
  /** Answered here, in place of the worker. */
  | { kind: 'answer'; status: number; body: string; headers?: Record<string, string> }
  /** The connection is cut before any answer. */
  | { kind: 'cut' }
  /** The answer is cut after so many bytes. */
  | { kind: 'cut-answer'; afterBytes: number }
  /** The request's body is not what was sent. */
  | { kind: 'change-body'; change: (body: Buffer) => Buffer }
  /** It goes to another path. */
  | { kind: 'redirect'; path: string }

export interface Proxy {
  url: string
  /** `METHOD /path` of every request, in order, without its query. */
  readonly requests: readonly string[]
  /** Headers of every request, in the same order. */
  readonly headers: readonly IncomingMessage['headers'][]
  count: (request: string) => number
  /** Spoils the next requests whose path begins so, one after another. */
  spoil: (path: string, ...spoilings: Spoiling[]) => void
  /** Called before a request goes on; it waits until that resolves. */
  before: (path: string, action: () => Promise<void>) => void
}

/** A network in front of a worker, good or bad as the test says. */
export async function startProxy(target: string): Promise<Proxy> {
  const requests: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const planned: { path: string; spoiling: Spoiling }[] = []
  const actions: { path: string; action: () => Promise<void> }[] = []

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    requests.push(`${request.method} ${path.replace(/\?.*/, '')}`)
    headers.push(request.headers)
    const body = await buffer(request)
    for (const { path: prefix, action } of actions) if (path.startsWith(prefix)) await action()
    const index = planned.findIndex((plan) => path.startsWith(plan.path))
    const [plan] = index < 0 ? [] : planned.splice(index, 1)
    const spoiling = plan?.spoiling
    if (spoiling?.kind === 'cut') return void request.socket.destroy()
    if (spoiling?.kind === 'answer') {
      response.writeHead(spoiling.status, spoiling.headers).end(spoiling.body)
      return
    }
    const sent = spoiling?.kind === 'change-body' ? spoiling.change(body) : body
    const to = spoiling?.kind === 'redirect' ? spoiling.path : path
    forward(request, response, { to, sent, spoiling })
  }

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    { to, sent, spoiling }: { to: string; sent: Buffer; spoiling: Spoiling | undefined },
  ): void {
    const { method = 'GET' } = request
    const onward = openRequest(new URL(to, target), { method, headers: request.headers })
    onward.on('error', () => response.destroy())
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      let left = spoiling?.kind === 'cut-answer' ? spoiling.afterBytes : Number.POSITIVE_INFINITY
      answer.on('data', (piece: Buffer) => {
        if (left <= 0) return
        if (piece.length < left) response.write(piece)
        else response.write(piece.subarray(0, left), () => request.socket.destroy())
        left -= piece.length
      })
      answer.on('end', () => left > 0 && response.end())
      answer.on('error', () => response.destroy())
      response.on('close', () => answer.destroy())
    })
    onward.end(sent)
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    headers,
    count: (request) => requests.filter((each) => each === request).length,
    spoil: (path, ...spoilings) => {
      for (const spoiling of spoilings) planned.push({ path, spoiling })
    },
    before: (path, action) => {
      actions.push({ path, action })
    },
  }
}
