import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClusterTransfers } from '../../../src/core/cluster/cluster-transfers.ts'
import { createDispatcher } from '../../../src/core/cluster/dispatcher.ts'
import { createWakes } from '../../../src/core/cluster/wakes.ts'
import { uploadCancelled } from '../../../src/core/model/cancellation.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import type { JobStage } from '../../../src/core/runtime/job-queue.ts'
import type { LocalTransfers } from '../../../src/core/transfers/transfer.ts'
import { AppError } from '../../../src/errors.ts'
import { createFakeCluster, type FakeCluster } from '../../helpers/peers/fake-cluster.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000

beforeEach(() => {
  vi.useFakeTimers({ now: NOW })
  // The rows are looked at every second.
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('the node that a first chunk comes to carries the upload, and is told of no wake', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()

  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  expect(a.carried()).toEqual(['u1'])
  expect(cluster.rows.get('u1')).toMatchObject({ carrier: 'a', account: 'account:ann', run: 1 })
  expect(cluster.node('a').asked).toEqual([])
})

test('where another node has the account, that one is told, and carries the upload at once', async () => {
  const { node, cluster } = start('u1')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  b.dispatcher.start()
  await cluster.node('b').leases.acquire('account:ann')

  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  expect([a.carried(), b.carried()]).toEqual([[], ['u1']])
})

test('chunks that come to other nodes reach the job within a moment, in few words', async () => {
  const { node, cluster } = start('u1')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  b.dispatcher.start()
  b.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  for (const index of [1, 2, 3]) a.transfers.chunkArrived(upload('u1'), index)
  await passes(0)
  for (const index of [4, 5, 6]) a.transfers.chunkArrived(upload('u1'), index)
  await passes(200)

  expect(b.added).toEqual([
    ['u1', 1],
    ['u1', 2],
    ['u1', 3],
    ['u1', 4],
    ['u1', 5],
    ['u1', 6],
  ])
  expect(cluster.node('a').asked).toHaveLength(2)
})

test('without a word from other nodes new chunks and the seal are read within a second or so', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)
  expect(a.reloaded).toEqual([])

  Object.assign(rowOf(cluster, 'u1'), { chunkCount: 2 })
  await passes(1_000)
  expect(a.reloaded).toEqual(['u1'])
  a.knows('u1', 2)
  await passes(1_000)
  expect(a.reloaded).toEqual(['u1'])

  Object.assign(rowOf(cluster, 'u1'), { state: 'sealed' })
  await passes(1_000)
  expect(a.reloaded).toEqual(['u1', 'u1'])
})

test('what no node carries is found, of an account that this node has or nobody has', async () => {
  const { node, cluster } = start('u1', 'u2')
  const [a, b] = [node('a'), node('b')]
  rowOf(cluster, 'u1').account = 'account:ann'
  rowOf(cluster, 'u2').account = 'account:bob'
  await cluster.node('b').leases.acquire('account:bob')
  a.dispatcher.start()

  await passes(0)
  expect(a.carried()).toEqual(['u1'])
  b.dispatcher.start()
  await passes(0)

  expect(b.carried()).toEqual(['u2'])
})

test('a node that is cut off loses its uploads, says nothing, and another one goes on', async () => {
  const { node, cluster } = start('u1')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  b.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  cluster.lose('account:ann')
  expect(a.stops).toMatchObject([['u1', { code: 'LEASE_LOST' }]])
  await passes(1_100)

  expect([a.carried(), b.carried()].flat()).toEqual(['u1'])
  expect(rowOf(cluster, 'u1').run).toBe(2)
})

test('a run that another node has overtaken ends within a second or so', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  Object.assign(rowOf(cluster, 'u1'), { run: 7, carrier: 'b' })
  cluster.node('b')
  await passes(1_000)

  expect(a.stops).toMatchObject([['u1', { code: 'LEASE_LOST' }]])
  expect(a.carried()).toEqual([])
  expect(rowOf(cluster, 'u1')).toMatchObject({ run: 7, carrier: 'b' })
})

test('a run of a whole file that another node has overtaken ends within some seconds', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)
  a.whole.add('u1')

  Object.assign(rowOf(cluster, 'u1'), { run: 7, carrier: 'b' })
  await passes(3_500)

  expect(a.stops).toMatchObject([['u1', { code: 'LEASE_LOST' }]])
})

test('an upload that is cancelled elsewhere is stopped by its carrier before the call resolves', async () => {
  const { node } = start('u1')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  b.dispatcher.start()
  b.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  await a.transfers.stop('u1', uploadCancelled())

  expect(b.stops).toMatchObject([['u1', { code: 'UPLOAD_CANCELLED' }]])
  expect(b.carried()).toEqual([])
  // Its row may not be written yet: no node begins anew meanwhile.
  await passes(4_000)
  expect([a.carried(), b.carried()]).toEqual([[], []])
  await passes(2_500)
  expect([a.carried(), b.carried()].flat()).toEqual(['u1'])
})

test('an upload is stopped that is just being claimed elsewhere', async () => {
  const { node, cluster } = start('u1')
  const [a, b] = [node('a'), node('b')]
  b.dispatcher.start()
  b.transfers.chunkArrived(upload('u1'), 0)

  const stopped = a.transfers.stop('u1', uploadCancelled())
  await passes(0)
  await stopped
  Object.assign(rowOf(cluster, 'u1'), { state: 'cancelled' })
  await a.transfers.stop('u1', uploadCancelled())

  expect(b.carried()).toEqual([])
})

test('a carrier that does not answer has found out by itself when the second call resolves', async () => {
  const { node, cluster } = start('u1')
  const [a, b] = [node('a'), node('b')]
  b.dispatcher.start()
  b.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)
  vi.spyOn(cluster.node('a').peers, 'ask').mockRejectedValue(
    new AppError('PEER_UNAVAILABLE', 'cut'),
  )

  await a.transfers.stop('u1', uploadCancelled())
  Object.assign(rowOf(cluster, 'u1'), { state: 'cancelled' })
  expect(b.carried()).toEqual(['u1'])
  const stopped = a.transfers.stop('u1', uploadCancelled())
  await passes(2_500)
  await stopped

  expect(b.carried()).toEqual([])
})

test('a long wait is not waited for with the upload in hand', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  a.dispatcher.waits(upload('u1'), 60_000)
  await passes(0)
  expect(a.carried()).toEqual(['u1'])
  a.dispatcher.waits(upload('u1'), 90_000)
  await passes(0)

  expect(a.carried()).toEqual([])
  expect(rowOf(cluster, 'u1')).toMatchObject({ carrier: null, notBefore: NOW + 90_000 })
  await passes(89_000)
  expect(a.carried()).toEqual([])
  await passes(2_000)
  expect(a.carried()).toEqual(['u1'])
})

test('an upload that has been whole for as long as it may take is waited for to its end', async () => {
  const { node } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  const whole = { ...upload('u1'), sealedAt: NOW - 3_550_000 }
  a.transfers.sealed(whole)
  await passes(0)

  a.dispatcher.waits(whole, 90_000)
  await passes(0)

  expect(a.carried()).toEqual(['u1'])
})

test('a busy node leaves an account to an idle one, and takes it once it has a slot', async () => {
  const { node, cluster } = start('u1', 'u2', 'u3')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  for (const id of ['u1', 'u2']) a.transfers.chunkArrived(upload(id), 0)
  await passes(0)
  for (const id of ['u1', 'u2']) a.stages.set(id, 'working')

  a.transfers.chunkArrived(upload('u3'), 0)
  await passes(0)
  expect(a.carried()).toEqual(['u1', 'u2'])
  b.dispatcher.start()
  await passes(0)
  expect(b.carried()).toEqual(['u3'])

  await b.transfers.stop('u3', uploadCancelled())
  await b.dispatcher.close()
  await cluster.node('b').leases.close()
  await passes(12_000)
  expect(a.carried()).toEqual(['u1', 'u2'])
  await a.ends('u1')
  await passes(0)
  expect(a.carried()).toEqual(['u2', 'u3'])
})

test('uploads that would wait here wait for whichever node has a slot first', async () => {
  const { node } = start('u1', 'u2', 'u3', 'v4', 'v5')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  for (const id of ['u1', 'u2', 'u3', 'v4', 'v5']) {
    a.transfers.chunkArrived(upload(id), 0)
    a.stages.set(id, 'working')
  }
  await passes(10_000)
  expect(a.carried()).toEqual(['u1', 'u2'])

  b.dispatcher.start()
  await passes(0)
  expect(b.carried()).toEqual(['u3', 'v4'])
  await a.ends('u1')
  await passes(0)
  expect(a.carried()).toEqual(['u2', 'v5'])
})

test('an account is given up when it has had no upload for some seconds', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)
  Object.assign(rowOf(cluster, 'u1'), { state: 'completed' })
  await a.ends('u1')

  await passes(4_000)
  expect(cluster.holders.get('account:ann')).toBe('a')
  await passes(3_000)

  expect(cluster.holders.size).toBe(0)
})

test('a node that leaves claims no more, and leaves what it has to the others at once', async () => {
  const { node, cluster } = start('u1', 'u2')
  const [a, b] = [node('a'), node('b')]
  a.dispatcher.start()
  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)

  await a.dispatcher.close()
  a.transfers.chunkArrived(upload('u3'), 0)
  for (const id of ['u1', 'u2']) await a.ends(id)
  await a.dispatcher.left()
  await cluster.node('a').leases.close()
  b.dispatcher.start()
  await passes(0)

  expect([a.carried(), b.carried()]).toEqual([[], ['u1', 'u2']])
})

test('one that cannot be claimed now is tried again', async () => {
  const { node, token } = start('u1')
  const a = node('a')
  token.mockRejectedValueOnce(new AppError('BACKEND_UNAVAILABLE', 'down'))
  a.dispatcher.start()

  a.transfers.chunkArrived(upload('u1'), 0)
  await passes(0)
  expect(a.carried()).toEqual([])
  await passes(1_000)

  expect(a.carried()).toEqual(['u1'])
})

test('an upload whose row cannot be read once it is claimed is left, and carried a moment later', async () => {
  const { node, cluster } = start('u1')
  const a = node('a')
  vi.spyOn(a.ledger, 'findUpload').mockRejectedValueOnce(new AppError('SPOOL_FAILED', 'no'))

  a.dispatcher.start()
  await passes(0)
  expect(rowOf(cluster, 'u1').carrier).toBeNull()
  await passes(1_500)

  expect(a.carried()).toEqual(['u1'])
})

const OWNERS: Record<string, string> = { u1: 'ann', u2: 'bob', u3: 'cid', v4: 'dan', v5: 'eve' }

function upload(id: string): Upload {
  return makeUpload({ id, owner: OWNERS[id] ?? 'ann' })
}

async function passes(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

function rowOf(cluster: FakeCluster, id: string) {
  const row = cluster.rows.get(id)
  if (!row) throw new Error(`${id} has a row`)
  return row
}

/** Nodes with two slots each, and uploads with a chunk each. */
function start(...ids: string[]) {
  const cluster = createFakeCluster(() => Date.now())
  for (const id of ids) {
    const claim = { account: null, carrier: null, run: 0, notBefore: null }
    cluster.rows.set(id, { state: 'receiving', chunkCount: 1, ...claim })
  }
  const token = vi.fn(async (id: string): Promise<string | null> => OWNERS[id] ?? 'ann')
  const node = (address: string) => makeNode(cluster, address, token)
  return { cluster, node, token }
}

function makeNode(
  cluster: FakeCluster,
  address: string,
  token: (id: string) => Promise<string | null>,
) {
  const { leases, claims, peers } = cluster.node(address)
  const log = createRecordingLog()
  const jobs = new Map<string, { chunks: number; ended: Promise<void>; end: () => void }>()
  const stages = new Map<string, JobStage>()
  const whole = new Set<string>()
  const added: [string, number][] = []
  const reloaded: string[] = []
  const stops: [string, AppError][] = []
  const ledger = { findUpload: async (id: string) => upload(id), chunks: async () => [] }

  async function ends(id: string): Promise<void> {
    jobs.get(id)?.end()
    jobs.delete(id)
    await passes(0)
  }
  const local: LocalTransfers = {
    carry: ({ id }) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>()
      jobs.set(id, { chunks: 1, ended, end })
      return true
    },
    carries: (id) => jobs.has(id),
    add: (id, { index }) => {
      if (jobs.has(id)) added.push([id, index])
      return jobs.has(id)
    },
    knownChunks: (id) => jobs.get(id)?.chunks ?? null,
    knowsSeal: (id) => whole.has(id),
    reload: async (id) => void reloaded.push(id),
    ended: async (id) => jobs.get(id)?.ended,
    stop: async (id, reason) => {
      if (!jobs.has(id)) return
      stops.push([id, reason])
      jobs.get(id)?.end()
      jobs.delete(id)
    },
    chunkArrived: () => {},
    sealed: () => {},
    resume: async () => {},
    isActive: (id) => jobs.has(id),
    has: () => false,
    idle: async () => {},
  }
  const wakes = createWakes({ peers, log })
  const dispatcher = createDispatcher({
    ...{ leases, claims, peers, wakes, ledger, log, transfers: local },
    accounts: {
      of: async (id) => `account:${await token(id)}`,
      forget: () => {},
    },
    queue: { stages: () => stages },
    concurrency: 2,
    maxDurationMs: 3_600_000,
    now: Date.now,
  })
  const spool = createMemorySpool()
  const transfers = createClusterTransfers({
    ...{ local, dispatcher, leases, claims, peers, ledger, spool, log },
  })
  return {
    ...{ transfers, dispatcher, ledger, stages, whole, added, reloaded, stops, ends },
    carried: () => [...jobs.keys()],
    knows: (id: string, chunks: number) => {
      const job = jobs.get(id)
      if (job) job.chunks = chunks
    },
  }
}
