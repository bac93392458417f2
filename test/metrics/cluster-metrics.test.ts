import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { AcquiredLease, Leases } from '../../src/core/ports/cluster/leases.ts'
import type { Peers } from '../../src/core/ports/cluster/peers.ts'
import { AppError, shuttingDown } from '../../src/errors.ts'
import { createClusterFigures } from '../../src/metrics/cluster/cluster-metrics.ts'
import { meterLeases } from '../../src/metrics/cluster/metered-leases.ts'
import { meterPeers } from '../../src/metrics/cluster/metered-peers.ts'
import { meterStore } from '../../src/storage/object-spool/metered-store.ts'

test('a lease that is asked for again is counted once, and one that is lost is held no more', async () => {
  const { figures, text } = openFigures()
  const lost = new AbortController()
  const held = (epoch: number, isTakenOver: boolean): AcquiredLease => ({
    kind: 'held',
    lease: { name: 'account:a', epoch, lost: lost.signal, assertHeld: () => {} },
    isTakenOver,
  })
  const leases = meterLeases(fakeLeases(held(2, true)), figures)

  await leases.acquire('account:a')
  await leases.acquire('account:a')
  const before = await text()
  lost.abort()
  await leases.release('account:a')
  const after = await text()

  expect(before).toContain('telestore_leases_total{kind="account",event="taken-over"} 1\n')
  expect(before).toContain('telestore_leases_held{kind="account"} 1\n')
  expect(after).toContain('telestore_leases_total{kind="account",event="lost"} 1\n')
  expect(after).toContain('telestore_leases_held{kind="account"} 0\n')
  expect(after).toContain('telestore_leases_total{kind="account",event="released"} 0\n')
})

test('a node that ends gives its leases up, and has lost none', async () => {
  const { figures, text } = openFigures()
  const ending = new AbortController()
  const lease = { name: 'account:a', epoch: 1, lost: ending.signal, assertHeld: () => {} }
  const leases = meterLeases(fakeLeases({ kind: 'held', lease }), figures)

  await leases.acquire('account:a')
  ending.abort(shuttingDown())

  expect(await text()).toContain('telestore_leases_total{kind="account",event="released"} 1\n')
  expect(await text()).toContain('telestore_leases_total{kind="account",event="lost"} 0\n')
})

test('a lease that another node has is not held', async () => {
  const { figures, text } = openFigures()
  const elsewhere = { kind: 'elsewhere', holder: 'http://10.0.0.2:8080' } as const
  const leases = meterLeases(fakeLeases(elsewhere), figures)

  await leases.acquire('stream:u')

  expect(await text()).toContain('telestore_leases_total{kind="stream",event="elsewhere"} 1\n')
  expect(await text()).toContain('telestore_leases_held{kind="stream"} 0\n')
})

test.each([
  ['answered', async () => 'yes'],
  ['refused', async () => Promise.reject(new AppError('SHUTTING_DOWN', 'no'))],
  ['unavailable', async () => Promise.reject(new Error('the connection broke'))],
])('a question to another node is counted as %s', async (outcome, ask) => {
  const { figures, text } = openFigures()
  const asked: Peers = { ask, answer: () => {} }
  const peers = meterPeers(asked, figures)
  const { signal } = new AbortController()

  await peers.ask('http://10.0.0.2:8080', { kind: 'wake', body: {} }, { signal }).catch(() => {})

  const count = `telestore_peer_question_duration_seconds_count{kind="wake",outcome="${outcome}"} 1\n`
  expect(await text()).toContain(count)
})

test('calls to the object store are counted by what became of them, a list by its pages', async () => {
  const { figures, text } = openFigures()
  const missing = async () => Promise.reject(new AppError('SPOOL_DAMAGED', 'gone'))
  const store = meterStore(
    {
      put: async () => {},
      get: missing,
      copy: async () => {},
      list: async function* () {
        yield { objects: [], folders: [], next: 'more', at: 0 }
        yield { objects: [], folders: [], next: null, at: 0 }
      },
      remove: async () => {},
      check: async () => Promise.reject(new AppError('SPOOL_FAILED', 'no')),
      circuit: { state: 'closed', retryAfter: 0 },
      close: () => {},
    },
    figures,
  )

  await store.get('a', async () => {}).catch(() => {})
  await store.check().catch(() => {})
  let pages = 0
  for await (const _page of store.list({ prefix: '' })) pages++

  const told = await text()
  const series = 'telestore_object_store_call_duration_seconds_count'
  expect(pages).toBe(2)
  expect(told).toContain(`${series}{call="get",outcome="missing"} 1\n`)
  expect(told).toContain(`${series}{call="check",outcome="failed"} 1\n`)
  expect(told).toContain(`${series}{call="list",outcome="ok"} 3\n`)
})

test('a database that cannot be asked how many nodes there are hides no other figure', async () => {
  const { text } = openFigures(async () => Promise.reject(new Error('no connection')))

  expect(await text()).not.toMatch(/^telestore_nodes /m)
  expect(await text()).toContain('telestore_database_connections{state="waiting"} 3\n')
  expect(await text()).toContain('telestore_chunk_cache_hits_total 9\n')
})

function openFigures(nodes: () => Promise<number> = async () => 2) {
  const figures = createClusterFigures()
  const registry = new Registry()
  figures.register(registry, {
    nodes,
    connections: () => ({ busy: 1, idle: 2, waiting: 3 }),
    chunkCache: () => ({ bytes: 5, hits: 9, misses: 1 }),
  })
  return { figures, text: () => registry.metrics() }
}

function fakeLeases(acquired: AcquiredLease): Leases {
  return {
    self: 'http://10.0.0.1:8080',
    acquire: async () => acquired,
    holderOf: async () => null,
    release: async () => {},
    nodes: async () => [],
    close: async () => {},
  }
}
