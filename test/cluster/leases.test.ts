import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Moment } from '../../src/core/model/cluster/self-fence.ts'
import type { AcquiredLease, Lease, Leases } from '../../src/core/ports/cluster/leases.ts'
import type { TransferState } from '../../src/core/ports/records.ts'
import { openLeases } from '../../src/storage/postgres/cluster/leases.ts'
import { openDatabase } from '../../src/storage/postgres/database.ts'
import { openPostgresLedger } from '../../src/storage/postgres/ledger.ts'
import { startCuttingProxy } from '../helpers/cluster/cutting-proxy.ts'
import { emptyTables, openTestLedger } from '../helpers/cluster/postgres-ledger.ts'
import {
  type PostgresServer,
  startPostgres,
  withClient,
} from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { insertUpload } from '../helpers/storage/insert-upload.ts'
import { NOW } from '../helpers/storage/ledger-contract/fixtures.ts'
import { makeUpload } from '../helpers/upload.ts'

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
    { url = server.urlOf('leases'), readMoment }: { url?: string; readMoment?: () => Moment } = {},
  ): Promise<Leases> {
    const log = createRecordingLog()
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
      await vi.waitFor(async () => {
        await withClient(server.urlOf('leases'), async (client) => {
          const sql =
            "SELECT until > clock_timestamp() + interval '12 seconds' AS fresh FROM leases WHERE name = $1"
          expect((await client.query(sql, [name])).rows).toEqual([{ fresh: true }])
        })
      }, 5_000)
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
    const proxy = await startCuttingProxy(server.port)
    const url = server.urlOf('leases').replace(`:${server.port}/`, `:${proxy.port}/`)
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

  test('what a node writes of an upload that another one has claimed is refused', async () => {
    const url = server.urlOf('leases')
    await emptyTables(url)
    const open = () => openTestLedger(server, { database: 'leases', key: Buffer.alloc(32) })
    const [a, b] = [await open(), await open()]
    const upload = makeUpload()
    await insertUpload(a, upload, 'token')
    const claim = { uploadId: upload.id, account: NAME }
    const state: TransferState = {
      road: 'mtproto-user',
      partsHolder: 'k',
      fileId: '1',
      startedAt: NOW,
      document: null,
      randomId: '7',
      newestMessageId: null,
      postAttempts: 1,
    }

    expect(await a.claimTransfer({ ...claim, node: 'http://a' })).toBe(1)
    await a.saveTransfer(upload.id, state)
    expect(await b.claimTransfer({ ...claim, node: 'http://b' })).toBe(2)

    const refusal = { code: 'LEASE_LOST' }
    const { id } = upload
    const result = { messageId: 5, fileId: 'f', documentId: '9', digests: null, size: upload.size }
    const failure = { reason: 'no', percent: null, retryAt: null, now: NOW }
    await expect(a.saveTransfer(id, state)).rejects.toMatchObject(refusal)
    await expect(a.saveAcknowledgedParts(id, Uint8Array.of(1))).rejects.toMatchObject(refusal)
    await expect(a.deleteTransfer(id)).rejects.toMatchObject(refusal)
    await expect(a.deleteTransfers(id)).rejects.toMatchObject(refusal)
    await expect(a.saveUploadFolder(id, 'x')).rejects.toMatchObject(refusal)
    await expect(a.failUpload(id, failure)).rejects.toMatchObject(refusal)
    await expect(
      a.completeUpload(id, { result, webhook: null, library: null, now: NOW }),
    ).rejects.toMatchObject(refusal)
    expect(await b.transfer(id)).toMatchObject({ randomId: '7' })
    expect(await a.carriedUploads([id])).toMatchObject([{ isMine: false, state: 'receiving' }])
    expect(await a.carrierOf(id)).toBe('http://b')

    await b.saveTransfer(id, { ...state, postAttempts: 2 })
    await a.cancelUpload(
      id,
      { reason: 'given up', percent: 0, now: NOW },
      { perOwner: 9, inAll: 9 },
    )
    await expect(b.saveTransfer(id, state)).rejects.toMatchObject(refusal)
    expect(await b.carriedUploads([id])).toMatchObject([{ isMine: true, state: 'cancelled' }])
    expect(await b.claimTransfer({ ...claim, node: 'http://b' })).toBeNull()
  })
})
