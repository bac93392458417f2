import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished, vi } from 'vitest'

/** The host's proxy: one public address, behind which traffic is moved from one worker to another. */
export interface ReverseProxy {
  readonly url: string
  /**
   * A deploy: traffic stays where it is until the worker's health check passes, then new requests
   * go to it. Resolves when they do. Requests that run stay where they are.
   */
  moveTo: (workerUrl: string) => Promise<void>
  /** The same, without asking for its health: requests that were held go to it. */
  pointTo: (workerUrl: string) => void
  /** There is no worker: requests get a 502, or are held until there is one, as of a service that sleeps. */
  clear: (requests: 'fail' | 'hold') => void
  /** Answers every request by itself, as a foreign server would. */
  answerWith: (status: number, body: string) => void
  /** Requests that came for a path, with their bodies. */
  readonly seen: readonly SeenRequest[]
}

export interface SeenRequest {
  path: string
  headers: Record<string, string>
  body: Buffer
}

type Target = { worker: string } | { foreign: { status: number; body: string } } | 'fail' | 'hold'

const BAD_GATEWAY = { status: 502, body: '<h1>Bad Gateway</h1>' }

export async function startReverseProxy(): Promise<ReverseProxy> {
  const seen: SeenRequest[] = []
  let target: Target = 'fail'
  let held: (() => void)[] = []

  function point(to: Target): void {
    target = to
    const released = held
    held = []
    for (const go of released) go()
  }

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (target === 'hold') {
      held.push(() => forward(incoming, outgoing))
      return
    }
    if (target === 'fail' || 'foreign' in target) {
      const { status, body } = target === 'fail' ? BAD_GATEWAY : target.foreign
      answer(outgoing, status, body)
      return
    }
    note(seen, incoming)
    const { method, url, headers } = incoming
    const onward = request(`${target.worker}${url}`, { method, headers, agent: false })
    onward.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(outgoing)
      response.on('error', () => outgoing.destroy())
      response.on('aborted', () => outgoing.destroy())
    })
    onward.on('error', () => answer(outgoing, 502, BAD_GATEWAY.body))
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }

  const server = createServer(forward).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    moveTo: async (workerUrl) => {
      await vi.waitFor(async () => isHealthy(workerUrl), { interval: 100 })
      point({ worker: workerUrl })
    },
    pointTo: (worker) => point({ worker }),
    clear: point,
    answerWith: (status, body) => point({ foreign: { status, body } }),
  }
}

function note(seen: SeenRequest[], incoming: IncomingMessage): void {
  if (incoming.url !== '/hand-over') return
  const headers = incoming.headers as Record<string, string>
  const one: SeenRequest = { path: incoming.url, headers, body: Buffer.alloc(0) }
  seen.push(one)
  incoming.on('data', (bytes: Buffer) => {
    one.body = Buffer.concat([one.body, bytes])
  })
}

async function isHealthy(workerUrl: string): Promise<void> {
  const { ok } = await fetch(`${workerUrl}/health`)
  if (!ok) throw new Error('not healthy')
}

function answer(outgoing: ServerResponse, status: number, body: string): void {
  if (outgoing.headersSent) {
    outgoing.destroy()
    return
  }
  outgoing.writeHead(status, { 'content-type': 'text/html' }).end(body)
}
