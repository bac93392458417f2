import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createPublicAddress, pingPublicAddress } from '../../src/deployment/public-address.ts'
import { createEnvelopes } from '../../src/deployment/signed-envelope.ts'
import { freePort } from '../helpers/free-port.ts'

const { signal } = new AbortController()
const question = { intent: 'start', wait: false } as const

test('a ping is a request to the public address, and any answer will do', async () => {
  const paths: (string | undefined)[] = []
  const url = await serve((request, response) => {
    paths.push(request.url)
    response.writeHead(503).end('busy')
  })

  await pingPublicAddress(url, signal)

  expect(paths).toEqual(['/healthz'])
})

test('a ping that gets no answer rejects', async () => {
  const url = `http://127.0.0.1:${await freePort()}`

  await expect(pingPublicAddress(url, signal)).rejects.toThrow('fetch failed')
})

test.each([
  [200, 'absent'],
  [404, 'absent'],
  [301, 'absent'],
  [429, 'unclear'],
  [500, 'unclear'],
  [502, 'unclear'],
  [503, 'unclear'],
])('an answer of status %i without our signature is %s', async (status, kind) => {
  const url = await serve((_request, response) => response.writeHead(status).end('<html>'))

  const reply = await createAddress(url).ask(question, signal)

  expect(reply).toEqual({ kind, reason: `an answer without our signature, status ${status}` })
})

test('where no program listens, no instance is there', async () => {
  const url = `http://127.0.0.1:${await freePort()}`

  const reply = await createAddress(url).ask(question, signal)

  expect(reply).toEqual({ kind: 'absent', reason: 'ECONNREFUSED' })
})

test('a connection that breaks off says nothing of whether an instance is there', async () => {
  const url = await serve((request) => request.socket.destroy())

  const reply = await createAddress(url).ask(question, signal)

  expect(reply.kind).toBe('unclear')
})

function createAddress(url: string) {
  const instance = { id: randomUUID(), startedAt: 0 }
  return createPublicAddress(url, createEnvelopes({ secret: randomBytes(32), instance }))
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
