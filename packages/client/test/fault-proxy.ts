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
export type Fault =
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

export interface FaultProxy {
  url: string
  /** `METHOD /path` of every request, in order, without its query. */
  readonly requests: readonly string[]
  /** Headers of every request, in the same order. */
  readonly headers: readonly IncomingMessage['headers'][]
  count: (request: string) => number
  /** Spoils the next requests whose path begins so, one after another. */
  inject: (path: string, ...faults: Fault[]) => void
  /** Called before a request goes on; it waits until that resolves. */
  before: (path: string, action: () => Promise<void>) => void
}

/** A network in front of a worker, good or bad as the test says. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const requests: string[] = []
  const headers: IncomingMessage['headers'][] = []
  const planned: { path: string; fault: Fault }[] = []
  const actions: { path: string; action: () => Promise<void> }[] = []

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    requests.push(`${request.method} ${path.replace(/\?.*/, '')}`)
    headers.push(request.headers)
    const body = await buffer(request)
    for (const { path: prefix, action } of actions) if (path.startsWith(prefix)) await action()
    const index = planned.findIndex((plan) => path.startsWith(plan.path))
    const [plan] = index < 0 ? [] : planned.splice(index, 1)
    const fault = plan?.fault
    if (fault?.kind === 'cut') return void request.socket.destroy()
    if (fault?.kind === 'answer') {
      response.writeHead(fault.status, fault.headers).end(fault.body)
      return
    }
    const sent = fault?.kind === 'change-body' ? fault.change(body) : body
    const to = fault?.kind === 'redirect' ? fault.path : path
    forward(request, response, { to, sent, fault })
  }

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    { to, sent, fault }: { to: string; sent: Buffer; fault: Fault | undefined },
  ): void {
    const { method = 'GET' } = request
    const onward = openRequest(new URL(to, target), { method, headers: request.headers })
    onward.on('error', () => response.destroy())
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      let left = fault?.kind === 'cut-answer' ? fault.afterBytes : Number.POSITIVE_INFINITY
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
    inject: (path, ...faults) => {
      for (const fault of faults) planned.push({ path, fault })
    },
    before: (path, action) => {
      actions.push({ path, action })
    },
  }
}
