import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { clientSignal } from '../../../src/http/connections/client-signal.ts'
import {
  createDownloadSlots,
  type DownloadSlotsOptions,
} from '../../../src/http/downloads/download-slots.ts'
import { MiB } from '../../../src/lib/units.ts'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

/** A server whose one path streams without end; `/slow` waits long before its first byte. */
async function serve(options: Partial<DownloadSlotsOptions> = {}): Promise<string> {
  const { idleMs = 200 } = options
  const app = fastify({ forceCloseConnections: true })
  const slots = createDownloadSlots({ max: 1, idleMs, ...options })
  app.get<{ Querystring: { user?: string } }>('/', async ({ query }, reply) => {
    await slots.take({ reply, user: query.user ?? 'ann', signal: clientSignal(reply) })
    return reply.send(Readable.from(blocks()))
  })
  app.get('/slow', async (_request, reply) => {
    await slots.take({ reply, user: 'ann', signal: clientSignal(reply) })
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
async function pausedReader(url: string, user = 'ann'): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(`GET /?user=${user} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(socket, 'readable')
  return socket
}

/** The status that a new download gets; it leaves at once. */
async function newcomer(url: string, user = 'ann'): Promise<number> {
  const leaving = new AbortController()
  const { status } = await fetch(`${url}/?user=${user}`, { signal: leaving.signal })
  leaving.abort()
  return status
}

test('a paused reader is cut when another download needs its slot, not before', async () => {
  const url = await serve({ eviction: { pausedMs: 200, evictAfterMs: 60_000 }, waitMs: 60_000 })
  const begun = performance.now()
  const paused = await pausedReader(url)

  expect(await newcomer(url)).toBe(200)

  expect(performance.now() - begun).toBeGreaterThan(190)
  paused.resume()
  await once(paused, 'close')
})

test('a user with every slot loses one to another user as soon as a reader stalls', async () => {
  const url = await serve({ max: 3, waitMs: 60_000 })
  const paused = await Promise.all([1, 2, 3].map(() => pausedReader(url)))
  const closed = Promise.race(paused.map((socket) => once(socket, 'close')))

  expect(await newcomer(url, 'bob')).toBe(200)

  for (const socket of paused) socket.resume()
  await closed
})

test('a user whose readers all read loses the slowest one to a user that has waited', async () => {
  const eviction = { pausedMs: 60_000, evictAfterMs: 1_500 }
  const url = await serve({ max: 2, idleMs: 60_000, warmUpMs: 1_000, waitMs: 60_000, eviction })
  const slow = await pausedReader(url)
  const fast = await pausedReader(url)
  fast.resume()

  expect(await newcomer(url, 'bob')).toBe(200)

  slow.resume()
  await once(slow, 'close')
  expect(fast.closed).toBe(false)
})

test('a reader that is stalled for very long is cut', async () => {
  const url = await serve({ idleMs: 50, cutMs: 200 })
  const paused = await pausedReader(url)

  paused.pause()
  await vi.waitFor(async () => expect(await newcomer(url)).toBe(200))

  paused.resume()
  await once(paused, 'close')
})

test('a slow reader, and one that waits for its first byte, keep their slots', async () => {
  const url = await serve({ idleMs: 500, cutMs: 1_000, max: 2 })
  const waiting = fetch(`${url}/slow`)
  const reader = await pausedReader(url)
  const timer = setInterval(() => reader.read(256 * 1024) ?? reader.read(), 20)
  onTestFinished(() => clearInterval(timer))

  expect(await (await waiting).text()).toBe('at last')

  expect(reader.closed).toBe(false)
})

/** A download whose answer never gets anywhere. */
function download(user: string) {
  const raw = new ServerResponse(new IncomingMessage(new Socket()))
  const leaving = new AbortController()
  const end = (): void => {
    raw.emit('close')
  }
  const hangUp = (): void => leaving.abort(new Error('left'))
  onTestFinished(hangUp)
  return { user, reply: { raw, log: createRecordingLog() }, signal: leaving.signal, end, hangUp }
}

/** Downloads that still wait hang up at the test's end. */
function left(): void {}

test('a free slot goes to the user with the fewest slots, then to the download that came first', async () => {
  const slots = createDownloadSlots({ max: 3 })
  const first = download('ann')
  const second = download('ann')
  for (const each of [first, second, download('bob')]) await slots.take(each)
  const order: string[] = []
  for (const user of ['ann', 'bob', 'cid', 'cid']) {
    slots.take(download(user)).then(() => order.push(user), left)
  }

  first.end()
  second.end()
  await vi.waitFor(() => expect(order).toHaveLength(2))

  expect(order).toEqual(['cid', 'ann'])
})

test('the number of waiting downloads is limited for each user and in all', async () => {
  const slots = createDownloadSlots({ max: 1, maxWaiting: 3, maxWaitingPerUser: 2 })
  await slots.take(download('ann'))
  for (const user of ['ann', 'ann']) slots.take(download(user)).catch(left)

  await expect(slots.take(download('ann'))).rejects.toMatchObject({ code: 'BUSY', retryAfter: 5 })
  slots.take(download('bob')).catch(left)
  await expect(slots.take(download('bob'))).rejects.toMatchObject({ code: 'BUSY', retryAfter: 5 })
})

test('a download that hangs up while it waits leaves the queue', async () => {
  const slots = createDownloadSlots({ max: 1, maxWaiting: 1 })
  const reading = download('ann')
  await slots.take(reading)
  const leaving = download('bob')
  const waiting = slots.take(leaving)

  leaving.hangUp()
  await expect(waiting).rejects.toThrow('left')
  const next = slots.take(download('cid'))
  reading.end()

  await next
})

test('a download that hung up before it asked takes no slot', async () => {
  const slots = createDownloadSlots({ max: 1, maxWaiting: 0 })
  const gone = download('ann')
  gone.hangUp()

  await expect(slots.take(gone)).rejects.toThrow('left')

  await slots.take(download('bob'))
})

test('a download that gets no slot in time is told when to try again', async () => {
  const slots = createDownloadSlots({ max: 1, waitMs: 50 })
  await slots.take(download('ann'))

  await expect(slots.take(download('bob'))).rejects.toMatchObject({ code: 'BUSY', retryAfter: 5 })
})
