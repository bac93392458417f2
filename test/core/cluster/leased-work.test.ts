import { expect, test, vi } from 'vitest'
import {
  createClusterLock,
  createLeasedJobs,
  takeTurns,
} from '../../../src/core/cluster/leased-work.ts'
import { createJobQueue } from '../../../src/core/runtime/job-queue.ts'
import { shuttingDown } from '../../../src/errors.ts'
import { createKeyedLock } from '../../../src/lib/concurrency/keyed-lock.ts'
import { createFakeCluster } from '../../helpers/peers/fake-cluster.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

test('under one key one of all nodes works at a time, and the others after it', async () => {
  const cluster = createFakeCluster()
  const lock = (address: string) =>
    createClusterLock(createKeyedLock(), takeTurns(cluster.node(address).leases))
  const [a, b] = [lock('a'), lock('b')]
  const told: string[] = []
  const first = Promise.withResolvers<void>()

  const atA = a.run('folders', async () => {
    told.push('a begins')
    await first.promise
    told.push('a ends')
  })
  const atB = b.run('folders', async () => void told.push('b'))
  await b.run('others', async () => void told.push('another key'))
  first.resolve()
  await Promise.all([atA, atB])

  expect(told).toEqual(['a begins', 'another key', 'a ends', 'b'])
  expect(cluster.holders.size).toBe(0)
})

test('a job runs at one node, and at another one once that is gone', async () => {
  const cluster = createFakeCluster()
  const [a, b] = [start(cluster, 'a'), start(cluster, 'b')]
  const running = Promise.withResolvers<void>()

  a.jobs.start(JOB, async ({ signal }) => {
    running.resolve()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  await running.promise
  const second = vi.fn(async () => {})
  b.jobs.start(JOB, second)
  await b.jobs.ended(JOB.key)
  expect(second).not.toHaveBeenCalled()
  await a.queue.close(shuttingDown())
  b.jobs.start(JOB, second)
  await b.jobs.ended(JOB.key)

  expect(second).toHaveBeenCalledTimes(1)
  expect(cluster.holders.size).toBe(0)
})

test('a job whose lease is lost is told to stop', async () => {
  const cluster = createFakeCluster()
  const { jobs } = start(cluster, 'a')
  const told = Promise.withResolvers<unknown>()

  jobs.start(JOB, async ({ signal }) => {
    signal.addEventListener('abort', () => told.resolve(signal.reason))
    cluster.lose(`job:${JOB.key}`)
    await told.promise
  })

  expect(await told.promise).toMatchObject({ code: 'LEASE_LOST' })
})

test('work in turn is told to stop when its name is lost, and when nobody waits for it any more', async () => {
  const cluster = createFakeCluster()
  const inTurn = takeTurns(cluster.node('a').leases)
  const lock = createClusterLock(createKeyedLock(), inTurn)
  const waiting = new AbortController()
  const stopped = (signal: AbortSignal, stop: () => void) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      stop()
    })

  const underLock = lock.run('folders', (lost) => stopped(lost, () => cluster.lose('lock:folders')))
  const lost = inTurn({ name: 'follow:1', signal: waiting.signal }, (signal) =>
    stopped(signal, () => cluster.lose('follow:1')),
  )
  const given = inTurn({ name: 'follow:2', signal: waiting.signal }, (signal) =>
    stopped(signal, () => waiting.abort(shuttingDown())),
  )

  await expect(underLock).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await expect(lost).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await expect(given).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('what another node has done meanwhile is not done again', async () => {
  const { jobs } = start(createFakeCluster(), 'a', async () => false)
  const run = vi.fn(async () => {})

  jobs.start(JOB, run)
  await jobs.ended(JOB.key)

  expect(run).not.toHaveBeenCalled()
})

const JOB = { key: '7', group: 'ann' }

function start(
  cluster: ReturnType<typeof createFakeCluster>,
  address: string,
  isOpen: () => Promise<boolean> = async () => true,
) {
  const queue = createJobQueue({
    concurrency: 1,
    onError: (_key, error) => {
      throw error
    },
  })
  const { leases } = cluster.node(address)
  return { queue, jobs: createLeasedJobs({ queue, leases, isOpen, log: createRecordingLog() }) }
}
