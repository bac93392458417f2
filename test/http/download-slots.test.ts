import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createDownloadSlots } from '../../src/http/download-slots.ts'
import { sleep } from '../../src/lib/sleep.ts'
import { MiB } from '../../src/lib/units.ts'

interface Timing {
  idleMs: number
  cutMs: number
  max?: number
}

/** A server whose one path streams without end; `/slow` waits long before its first byte. */
async function serve({ idleMs, cutMs, max = 1 }: Timing): Promise<string> {
  const app = fastify({ forceCloseConnections: true })
  const slots = createDownloadSlots({ max, idleMs, cutMs })
  app.get('/', (_request, reply) => {
    slots.take(reply)
    return reply.send(Readable.from(blocks()))
  })
  app.get('/slow', async (_request, reply) => {
    slots.take(reply)
    await sleep(5 * idleMs, new AbortController().signal)
    return 'at last'
  })
  onTestFinished(() => app.close())
  return app.listen({ port: 0, host: '127.0.0.1' })
}

function* blocks(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(MiB)
}

/** Asks for the stream and takes nothing of it. */
async function pausedReader(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'readable')
  return socket
}

/** The status of a newcomer, who leaves at once. */
async function newcomer(url: string): Promise<number> {
  const leaving = new AbortController()
  const { status } = await fetch(url, { signal: leaving.signal })
  leaving.abort()
  return status
}

test('a reader that stands still makes room when another needs its place, not before', async () => {
  const url = await serve({ idleMs: 200, cutMs: 60_000 })
  const begun = performance.now()
  const paused = await pausedReader(url)

  await vi.waitFor(async () => expect(await newcomer(url)).toBe(200))

  expect(performance.now() - begun).toBeGreaterThan(190)
  paused.resume()
  await once(paused, 'close')
})

test('a reader that stands still for very long is cut', async () => {
  const url = await serve({ idleMs: 50, cutMs: 200 })
  const paused = await pausedReader(url)

  paused.pause()
  await vi.waitFor(async () => expect(await newcomer(url)).toBe(200))

  paused.resume()
  await once(paused, 'close')
})

test('a reader that reads slowly, and one that waits for its first byte, keep their places', async () => {
  const url = await serve({ idleMs: 1_500, cutMs: 3_000, max: 2 })
  const waiting = fetch(`${url}/slow`)
  const reader = await pausedReader(url)
  const timer = setInterval(() => reader.read(256 * 1024) ?? reader.read(), 20)
  onTestFinished(() => clearInterval(timer))

  expect(await (await waiting).text()).toBe('at last')

  expect(reader.closed).toBe(false)
})
