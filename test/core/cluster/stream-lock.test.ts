import { expect, test, vi } from 'vitest'
import { createStreamLock } from '../../../src/core/cluster/stream-lock.ts'
import type { Lease, Leases } from '../../../src/core/ports/cluster/leases.ts'
import type { PeerAnswerer, Peers } from '../../../src/core/ports/cluster/peers.ts'
import { AppError } from '../../../src/errors.ts'
import { createPreemptibleLock } from '../../../src/lib/concurrency/preemptible-lock.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

/** Nodes with leases and questions in memory. */
function createNodes() {
  const holders = new Map<string, string>()
  const answerers = new Map<string, PeerAnswerer>()
  const losing = new Map<string, AbortController>()
  const asked: string[] = []
  let acquired = 0

  function start(self: string, { timeoutMs = 2_000, keepMs = 50 } = {}) {
    const leases: Pick<Leases, 'acquire' | 'release'> = {
      acquire: async (name) => {
        acquired++
        const holder = holders.get(name) ?? self
        if (holder !== self) return { kind: 'elsewhere', holder }
        holders.set(name, self)
        const lost = losing.get(name) ?? new AbortController()
        losing.set(name, lost)
        const lease: Lease = { name, epoch: 1, lost: lost.signal, assertHeld: () => {} }
        return { kind: 'held', lease }
      },
      release: async (name) => {
        if (holders.get(name) === self) holders.delete(name)
      },
    }
    const peers: Pick<Peers, 'ask' | 'answer'> = {
      answer: (_kind, answerer) => void answerers.set(self, answerer),
      ask: async (node, { body }, { signal }) => {
        asked.push(`${self} ${node}`)
        const answerer = answerers.get(node)
        if (!answerer) throw new AppError('PEER_UNAVAILABLE', 'gone')
        return answerer(body, { signal, emit: () => {}, asker: self })
      },
    }
    const log = createRecordingLog()
    const own = createPreemptibleLock(timeoutMs)
    return createStreamLock(own, { leases, peers, timeoutMs, keepMs, log })
  }

  const lose = (name: string): void => losing.get(name)?.abort(new AppError('LEASE_LOST', 'lost'))
  return { start, holders, asked, lose, acquired: () => acquired }
}

test('a request at another node makes the one that has the stream come to its end, and gets it then', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a', { keepMs: 60_000 }), nodes.start('b')]
  const requestUnlock = vi.fn(() => setTimeout(() => release?.(), 20))
  const release = await a.acquire('u', requestUnlock)

  expect(await b.acquire('u', () => {})).not.toBeNull()

  expect(requestUnlock).toHaveBeenCalledOnce()
  expect([nodes.holders.get('stream:u'), nodes.asked]).toEqual(['b', ['b a']])
})

test('two nodes whose requests want one stream have it one after the other', async () => {
  const nodes = createNodes()
  const locks = ['a', 'b', 'c'].map((name) => nodes.start(name, { timeoutMs: 20_000 }))
  let inside = 0
  let most = 0

  async function work(at: number): Promise<void> {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const release = await locks[at % locks.length]?.acquire('u', resolve)
    if (!release) throw new Error('nothing was free in time')
    most = Math.max(most, ++inside)
    await Promise.race([asked, new Promise(setImmediate)])
    inside--
    release()
  }
  await Promise.all(Array.from({ length: 12 }, (_each, at) => work(at)))

  expect(most).toBe(1)
})

test('a request of a node that does not let go is given up in time, and so is one of a node that is gone', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a'), nodes.start('b', { timeoutMs: 50 })]
  await a.acquire('u', () => {})
  nodes.holders.set('stream:v', 'nowhere')

  expect([await b.acquire('u', () => {}), await b.acquire('v', () => {})]).toEqual([null, null])
  expect(['u', 'v'].map(b.isHeld)).toEqual([false, false])
})

test('a client that stays with a node costs no lease each time, and another node has the stream soon after', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a'), nodes.start('b')]
  for (let at = 0; at < 3; at++) (await a.acquire('u', () => {}))?.()
  expect(nodes.holders.get('stream:u')).toBe('a')

  await vi.waitFor(() => expect(nodes.holders.has('stream:u')).toBe(false))

  expect(await b.acquire('u', () => {})).not.toBeNull()
  expect(nodes.asked).toEqual([])
})

test('a stream that is kept only for its next request is given to another node at once', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a', { keepMs: 60_000 }), nodes.start('b')]
  ;(await a.acquire('u', () => {}))?.()

  expect(await b.acquire('u', () => {})).not.toBeNull()
})

test('what does not wait leaves the request of another node alone', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a'), nodes.start('b')]
  const requestUnlock = vi.fn()
  await a.acquire('u', requestUnlock)

  expect(await b.tryAcquire('u')).toBeNull()
  expect(await b.tryAcquire('v')).not.toBeNull()
  expect([requestUnlock.mock.calls, b.isHeld('u'), nodes.asked]).toEqual([[], false, []])
})

test('a lease that is lost ends the request', async () => {
  const nodes = createNodes()
  const requestUnlock = vi.fn()
  await nodes.start('a').acquire('u', requestUnlock)

  nodes.lose('stream:u')

  expect(requestUnlock).toHaveBeenCalledOnce()
})

test('a request whose client leaves while another node has the stream stops waiting', async () => {
  const nodes = createNodes()
  const [a, b] = [nodes.start('a', { timeoutMs: 60_000 }), nodes.start('b', { timeoutMs: 60_000 })]
  await a.acquire('u', () => {})
  const client = new AbortController()
  const waiting = b.acquire('u', () => {}, client.signal)
  await vi.waitFor(() => expect(nodes.asked).toEqual(['b a']))

  client.abort(new Error('the client left'))

  await expect(waiting).rejects.toThrow('the client left')
  expect(b.isHeld('u')).toBe(false)
})
