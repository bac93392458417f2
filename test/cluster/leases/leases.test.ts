import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { FENCED_AFTER_MS, type Moment } from '../../../src/core/model/cluster/self-fence.ts'
import type { AcquiredLease, Lease, Leases } from '../../../src/core/ports/cluster/leases.ts'
import type { Log } from '../../../src/core/ports/log.ts'
import { openLeases } from '../../../src/storage/postgres/cluster/leases.ts'
import { openDatabase } from '../../../src/storage/postgres/database.ts'
import { openPostgresLedger } from '../../../src/storage/postgres/ledger.ts'
import { startCuttingProxy } from '../../helpers/cluster/cutting-proxy.ts'
import { openTestLedger } from '../../helpers/cluster/postgres-ledger.ts'
import {
  type PostgresServer,
  startPostgres,
  withClient,
} from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { startChild } from '../../helpers/source-process.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

const missing = missingPrograms('postgres')
const NAME = 'account:anna'

describe.skipIf(missing !== '')(`leases in PostgreSQL${missing}`, () => {
  let server: PostgresServer
  const closing: (() => unknown)[] = []

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('leases')
    const log = createRecordingLog()
    const url = server.urlOf('leases')
    await (await openPostgresLedger({ url, key: Buffer.alloc(32), log })).close()
  })
  afterAll(async () => {
    for (const close of closing.reverse()) await close()
    await server.stop()
  })

  async function openNode(
    self: string,
    {
      url = server.urlOf('leases'),
      log = createRecordingLog(),
      readMoment,
    }: { url?: string; log?: Log; readMoment?: () => Moment } = {},
  ): Promise<Leases> {
    const database = openDatabase({ url, log, maxConnections: 2, patienceMs: 300 })
    const leases = await openLeases({ database, self, log, ...(readMoment && { readMoment }) })
    closing.push(database.close, () => leases.close().catch(() => {}))
    return leases
  }

  /** As though its holder had been silent for so long. */
  async function age(name: string, seconds: number): Promise<void> {
    await withClient(server.urlOf('leases'), async (client) => {
      await client.query(
        "UPDATE leases SET until = until - $2 * interval '1 second' WHERE name = $1",
        [name, seconds],
      )
    })
  }

  async function secondsLeft(name: string): Promise<number> {
    return withClient(server.urlOf('leases'), async (client) => {
      const sql =
        'SELECT extract(epoch FROM until - clock_timestamp())::float AS left FROM leases WHERE name = $1'
      return Number((await client.query(sql, [name])).rows[0]?.left)
    })
  }

  /** A way to the database that a test can break. */
  async function openProxy() {
    const proxy = await startCuttingProxy(server.port)
    return { proxy, url: server.urlOf('leases').replace(`:${server.port}/`, `:${proxy.port}/`) }
  }

  async function expectHeld(acquired: Promise<AcquiredLease>): Promise<Lease> {
    const answer = await acquired
    if (answer.kind !== 'held') throw new Error(`the lease is at ${answer.holder}`)
    return answer.lease
  }

  test('one node has a name, and the others hear which one', async () => {
    const [a, b] = await Promise.all([openNode('http://a'), openNode('http://b')])

    const lease = await expectHeld(a.acquire(NAME))

    lease.assertHeld()
    expect(await b.acquire(NAME)).toEqual({ kind: 'elsewhere', holder: 'http://a' })
    expect(await b.holderOf(NAME)).toBe('http://a')
    expect(await b.nodes()).toEqual(['http://a', 'http://b'])
    await a.release(NAME)
    expect(await b.holderOf(NAME)).toBeNull()
    expect((await expectHeld(b.acquire(NAME))).epoch).toBe(lease.epoch + 1)
    expect(() => lease.assertHeld()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }))
  })

  test('of many nodes that want a name at once one gets it, each time', async () => {
    const nodes = await Promise.all(['1', '2', '3', '4'].map((n) => openNode(`http://race-${n}`)))

    for (let round = 0; round < 25; round++) {
      const name = `account:${round}`
      const answers = await Promise.all(
        nodes.flatMap((node) => [node.acquire(name), node.acquire(name)]),
      )
      const holders = answers.filter(({ kind }) => kind === 'held')
      // Both calls of one node get the same lease.
      expect(holders).toHaveLength(2)
      expect(new Set(holders.map((one) => one.kind === 'held' && one.lease)).size).toBe(1)
    }
  })

  test('a lease passes on 5 s after its end, and a renewal does not revive it', async () => {
    const name = 'account:silent'
    const [a, b] = await Promise.all([openNode('http://old'), openNode('http://new')])
    const lease = await expectHeld(a.acquire(name))

    await age(name, 16)
    expect(await b.acquire(name)).toEqual({ kind: 'elsewhere', holder: 'http://old' })
    await vi.waitFor(() => expect(lease.lost.aborted).toBe(true), 5_000)
    expect(lease.lost.reason).toMatchObject({ code: 'LEASE_LOST' })
    await age(name, 5)

    expect((await expectHeld(b.acquire(name))).epoch).toBe(lease.epoch + 1)
    expect(await a.acquire(name)).toEqual({ kind: 'elsewhere', holder: 'http://new' })
  })

  test('leases that are used go on for as long as they are renewed', async () => {
    const name = 'account:busy'
    const [a, b] = await Promise.all([openNode('http://busy'), openNode('http://other')])
    const lease = await expectHeld(a.acquire(name))

    for (let turn = 0; turn < 2; turn++) {
      await age(name, 10)
      await vi.waitFor(async () => expect(await secondsLeft(name)).toBeGreaterThan(10), 5_000)
    }

    lease.assertHeld()
    expect((await b.acquire(name)).kind).toBe('elsewhere')
  })

  test('a node whose clock says that it stood still writes nothing more, and says so at once', async () => {
    let suspended = 0
    const readMoment = (): Moment => ({
      wall: Date.now() + suspended,
      monotonic: performance.now(),
    })
    const a = await openNode('http://frozen', { readMoment })
    const lease = await expectHeld(a.acquire('account:frozen'))

    suspended = 10_000

    expect(() => lease.assertHeld()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }))
    expect(lease.lost.aborted).toBe(true)
  })

  test('a node that is cut off from the database gives its leases up by itself', async () => {
    let passed = 0
    const { proxy, url } = await openProxy()
    const readMoment = (): Moment => ({ wall: Date.now(), monotonic: performance.now() + passed })
    const a = await openNode('http://cut', { url, readMoment })
    const lease = await expectHeld(a.acquire('account:cut'))

    proxy.close()
    proxy.cut()
    passed = 10_000

    await vi.waitFor(() => expect(lease.lost.aborted).toBe(true), 2_000)
    await expect(a.acquire('account:cut')).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    proxy.open()
    // It was this node's all the time: no other one has to be waited for.
    await vi.waitFor(() => expectHeld(a.acquire('account:cut')), 5_000)
  })

  test('a node that ends gives all of them back, and is no node any more', async () => {
    const [a, b] = await Promise.all([openNode('http://leaving'), openNode('http://staying')])
    for (const name of ['account:x', 'account:y']) await expectHeld(a.acquire(name))

    await a.close()

    for (const name of ['account:x', 'account:y']) await expectHeld(b.acquire(name))
    expect(await b.nodes()).not.toContain('http://leaving')
    await expect(a.acquire('account:z')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  })

  test('of many nodes that come and go no two ever have a name at the same time', async () => {
    const nodes = await Promise.all(['1', '2', '3'].map((n) => openNode(`http://turn-${n}`)))
    let inside = 0
    let turns = 0

    async function takeTurns(node: Leases): Promise<void> {
      while (turns < 60) {
        const acquired = await node.acquire('lock:turns')
        if (acquired.kind === 'elsewhere') continue
        expect(++inside).toBe(1)
        turns++
        await secondsLeft('lock:turns')
        acquired.lease.assertHeld()
        inside--
        await node.release('lock:turns')
      }
    }

    await Promise.all(nodes.map(takeTurns))
  })

  test.each([
    ['taking it', 'INSERT INTO leases'],
    ['renewing it', 'INSERT INTO nodes'],
    ['giving it up', 'UPDATE leases SET until = NULL'],
  ])('a lost answer to %s changes nothing', async (step, statement) => {
    const name = `account:lost answer to ${step}`
    const { proxy, url } = await openProxy()
    const [a, b] = [
      await openNode(`http://lost ${step}`, { url }),
      await openNode('http://witness'),
    ]

    if (step === 'taking it') proxy.cutAt(statement, 'at the answer')
    const lease = await expectHeld(a.acquire(name))
    if (step === 'renewing it') {
      const { connections } = proxy
      proxy.cutAt(statement, 'at the answer')
      await vi.waitFor(() => expect(proxy.connections).toBeGreaterThan(connections), 5_000)
    }
    lease.assertHeld()
    expect(await b.acquire(name)).toMatchObject({ kind: 'elsewhere' })
    if (step === 'giving it up') proxy.cutAt(statement, 'at the answer')
    await a.release(name)

    expect(await b.holderOf(name)).toBeNull()
    expect((await expectHeld(b.acquire(name))).epoch).toBeGreaterThan(lease.epoch)
  })

  test('leases outlive a restart of the database', async () => {
    const a = await openNode('http://patient')
    const lease = await expectHeld(a.acquire('account:restart'))

    await server.restart()
    await age('account:restart', 8)
    await vi.waitFor(async () => {
      expect(await secondsLeft('account:restart')).toBeGreaterThan(10)
    }, 8_000)

    lease.assertHeld()
  })

  test('a node that ends while it takes a lease leaves it to others', async () => {
    const name = 'account:late'
    const [a, b] = await Promise.all([openNode('http://ending'), openNode('http://heir')])
    await expectHeld(b.acquire(name))
    await b.release(name)

    await withClient(server.urlOf('leases'), async (client) => {
      await client.query('BEGIN')
      await client.query('SELECT 1 FROM leases WHERE name = $1 FOR UPDATE', [name])
      const acquired = expect(a.acquire(name)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
      await vi.waitFor(async () => {
        const sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await withClient(server.urlOf('leases'), async (other) => {
          expect((await other.query(sql)).rowCount).toBe(1)
        })
      })
      const closed = a.close()
      await client.query('COMMIT')
      await Promise.all([acquired, closed])
    })

    await expectHeld(b.acquire(name))
  })

  test('what a node has not given up when it ends is cut off', async () => {
    const a = await openNode('http://cutting')
    const lease = await expectHeld(a.acquire('job:1'))

    await a.close()

    expect(lease.lost.reason).toMatchObject({ code: 'SHUTTING_DOWN' })
  })

  test('it is said when a lease was taken over', async () => {
    const [a, b] = await Promise.all([openNode('http://gone'), openNode('http://next')])
    const [name, other] = ['account:over', 'account:free']
    expect(await a.acquire(name)).toMatchObject({ isTakenOver: false })
    await expectHeld(a.acquire(other))
    await age(name, 21)
    await a.release(other)

    expect(await b.acquire(name)).toMatchObject({ kind: 'held', isTakenOver: true })
    expect(await b.acquire(other)).toMatchObject({ kind: 'held', isTakenOver: false })
  })

  test('a process that comes after one that was killed waits like any other', async () => {
    const name = 'account:killed'
    const proxy = await openProxy()
    const a = await openNode('http://again', { url: proxy.url })
    await expectHeld(a.acquire(name))
    proxy.proxy.close()
    const next = await openNode('http://again')

    expect(await next.acquire(name)).toEqual({ kind: 'elsewhere', holder: 'http://again' })
    await age(name, 21)
    expect(await next.acquire(name)).toMatchObject({ kind: 'held', isTakenOver: true })
  })

  test("a lease from before the database's clock was set back ends like any other", async () => {
    const name = 'account:future'
    const a = await openNode('http://waiting')
    await withClient(server.urlOf('leases'), async (client) => {
      await client.query(
        `INSERT INTO leases (name, holder, incarnation, epoch, until)
         VALUES ($1, 'http://dead', 'dead', 1, clock_timestamp() + interval '1 hour')`,
        [name],
      )
    })

    expect(await a.acquire(name)).toEqual({ kind: 'elsewhere', holder: 'http://dead' })

    expect(await secondsLeft(name)).toBeLessThanOrEqual(15)
  })

  test('two nodes with one address are told of it', async () => {
    const log = createRecordingLog()
    await Promise.all([openNode('http://twin', { log }), openNode('http://twin', { log })])

    await vi.waitFor(() => {
      expect(log.entries).toContainEqual(
        expect.objectContaining({
          level: 'error',
          message: expect.stringContaining('CLUSTER_NODE_URL'),
        }),
      )
    }, 10_000)
  })

  test('a node that stood still finds its lease lost and its writes refused', async () => {
    const [url, account] = [server.urlOf('leases'), 'account:frozen-process']
    const ledger = await openTestLedger(server, { database: 'leases', key: Buffer.alloc(32) })
    const upload = makeUpload({ id: 'frozen' })
    await insertUpload(ledger, upload, 'token')
    const b = await openNode('http://thawed')
    const node = startChild('test/helpers/storage/writing-node.ts', {
      env: {},
      args: [url, 'http://standing-still', account, upload.id],
    })
    onTestFinished(node.kill)
    await vi.waitFor(() => expect(node.output()).toMatch(/look ok\nwrite ok/), 20_000)

    node.signal('SIGSTOP')
    // By the clocks of its machine, which go on.
    await sleep(FENCED_AFTER_MS + 200)
    const before = node.output()
    await age(account, 21)
    await expectHeld(b.acquire(account))
    await ledger.claimTransfer({ uploadId: upload.id, account, node: b.self })
    await ledger.saveAcknowledgedParts(upload.id, Uint8Array.of(7))
    node.signal('SIGCONT')
    await vi.waitFor(() => {
      expect(node.output()).toMatch(/look LEASE_LOST\nwrite LEASE_LOST\nlook LEASE_LOST/)
    }, 5_000)

    // What it was about to say, or the database had answered, when it stood still.
    expect(node.output().slice(before.length).match(/ ok/g)?.length ?? 0).toBeLessThanOrEqual(1)
    expect(await ledger.acknowledgedParts(upload.id)).toEqual(Uint8Array.of(7))
  })
})
