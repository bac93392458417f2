import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { installConnectionDraining } from '../../../src/http/connections/connection-draining.ts'

/** A server that closes while it still works on a request of an open connection. */
async function closing({ graceMs }: { graceMs: number }) {
  const app = fastify({ return503OnClosing: false, forceCloseConnections: 'idle' })
  installConnectionDraining(app, { workGate: { takesRequests: true }, graceMs })
  const begun = Promise.withResolvers<void>()
  const held = Promise.withResolvers<string>()
  onTestFinished(() => held.resolve(''))
  app.get('/held', () => {
    begun.resolve()
    return held.promise
  })
  app.get('/late', () => 'late')
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  ask(socket, '/held')
  await begun.promise
  const closed = app.close()
  await vi.waitFor(() => expect(app.server.listening).toBe(false))
  return { socket, closed, answerHeld: () => held.resolve('held') }
}

function ask(socket: Socket, path: string): void {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
}

test('once the server closes, running requests are answered and new ones are refused', async () => {
  const { socket, closed, answerHeld } = await closing({ graceMs: 60_000 })

  ask(socket, '/late')
  answerHeld()

  const [first, second] = (await text(socket)).split(/(?=HTTP\/1.1 )/)
  expect(first).toMatch(/^HTTP\/1.1 200 .*held$/s)
  expect(second).toMatch(/^HTTP\/1.1 503 .*"SHUTTING_DOWN"/s)
  await closed
})

test('a connection that is still busy at the end of the grace period is cut', async () => {
  const { socket, closed } = await closing({ graceMs: 50 })

  await once(socket, 'close')

  await closed
})
