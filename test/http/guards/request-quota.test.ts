import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { installErrorHandler } from '../../../src/http/answers/error-handler.ts'
import { installRequestQuota } from '../../../src/http/guards/request-quota.ts'
import type { Throttle } from '../../../src/http/guards/throttle.ts'

/** Two requests of an address at one time; `/slow` is answered when the returned function is called. */
async function serve() {
  const app = fastify({ forceCloseConnections: true, trustProxy: true })
  installRequestQuota(app, 2)
  const countRefusal: Throttle['countRefusal'] = async (_request, error) => error
  installErrorHandler(app, { maxChunkBytes: 0, countRefusal, onDrain: () => {} })
  const { promise, resolve: answer } = Promise.withResolvers<string>()
  let begun = 0
  app.get('/slow', () => {
    begun += 1
    return promise
  })
  app.get('/quick', async () => 'quick')
  app.get('/health', { config: { isHealthCheck: true } }, async () => 'ok')
  onTestFinished(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = (path: string, address: string, signal?: AbortSignal) =>
    fetch(url + path, { headers: { 'x-forwarded-for': address }, signal: signal ?? null })
  return { ask, answer: () => answer('slow'), begun: () => begun }
}

test('an address with its share of requests is refused more of them, and no other address is', async () => {
  const { ask, answer, begun } = await serve()
  const slow = [ask('/slow', '203.0.113.1'), ask('/slow', '203.0.113.1')]
  await vi.waitFor(() => expect(begun()).toBe(2))

  const refused = await ask('/quick', '203.0.113.1')
  const health = await ask('/health', '203.0.113.1')
  const other = await ask('/quick', '203.0.113.2')

  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('5')
  expect(await refused.json()).toMatchObject({ code: 'TOO_MANY_REQUESTS' })
  expect([health.status, other.status]).toEqual([200, 200])

  answer()
  await Promise.all(slow)
  await vi.waitFor(async () => expect((await ask('/quick', '203.0.113.1')).status).toBe(200))
})

test('requests whose clients have left do not count', async () => {
  const { ask, begun } = await serve()
  const leaving = new AbortController()
  const slow = [1, 2].map(() => ask('/slow', '203.0.113.1', leaving.signal).catch(() => {}))
  await vi.waitFor(() => expect(begun()).toBe(2))

  leaving.abort()
  await Promise.all(slow)

  await vi.waitFor(async () => expect((await ask('/quick', '203.0.113.1')).status).toBe(200))
})
