import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cancelled } from '../../../src/core/ports/ledger.ts'
import type { PostedVolume } from '../../../src/core/ports/volumes.ts'
import type { PostgresLedger } from '../../../src/storage/postgres/ledger.ts'
import { startCuttingProxy } from '../../helpers/cluster/cutting-proxy.ts'
import { emptyTables, openTestLedger } from '../../helpers/cluster/postgres-ledger.ts'
import {
  type PostgresServer,
  startPostgres,
  withClient,
} from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { CHUNK, NOW, RESULT, TRANSFER } from '../../helpers/storage/ledger-contract/fixtures.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

const missing = missingPrograms('postgres')
const ACCOUNT = 'account:anna'
const REFUSAL = { code: 'LEASE_LOST' }
const CANCELLED: Cancelled = { reason: 'given up', percent: 0, now: NOW }
const KEEP = { perOwner: 9, inAll: 9 }
const VOLUME: PostedVolume = {
  ...{ number: 1, messageId: 5, documentId: '9', fileId: null, size: 1000, crc32: '0000abcd' },
  hashState: Uint8Array.of(1),
}
const FREED = { freedChunks: 1, now: NOW }
const upload = makeUpload()
const { id } = upload
const COMPLETION = { result: RESULT, webhook: null, library: null, now: NOW }

describe.skipIf(missing !== '')(`transfers that nodes claim${missing}`, () => {
  let server: PostgresServer
  let url: string

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('claims')
    url = server.urlOf('claims')
  })
  afterAll(() => server.stop())
  beforeEach(() => emptyTables(url))

  function openNode(options: { url?: string; log?: ReturnType<typeof createRecordingLog> } = {}) {
    return openTestLedger(server, { database: 'claims', key: Buffer.alloc(32), ...options })
  }

  function claim(ledger: PostgresLedger, node: string, uploadId = id): Promise<number | null> {
    return ledger.claimTransfer({ uploadId, account: ACCOUNT, node })
  }

  /** A lease of another node that ends so many seconds from now. */
  async function lease(name: string, holder: string, seconds: number): Promise<void> {
    await withClient(url, async (client) => {
      await client.query(
        `INSERT INTO leases (name, holder, incarnation, epoch, until)
         VALUES ($1, $2, $2, 1, clock_timestamp() + $3 * interval '1 second')
         ON CONFLICT (name) DO UPDATE SET holder = $2, incarnation = $2, until = excluded.until`,
        [name, holder, seconds],
      )
    })
  }

  /** All that a transfer writes, by its name. */
  function writesOf(ledger: PostgresLedger): Record<string, () => Promise<unknown>> {
    return {
      saveTransfer: () => ledger.saveTransfer(id, TRANSFER),
      'saveTransfer of a volume': () => ledger.saveTransfer(id, TRANSFER, 2),
      saveAcknowledgedParts: () => ledger.saveAcknowledgedParts(id, Uint8Array.of(1)),
      deleteTransfer: () => ledger.deleteTransfer(id),
      deleteTransfers: () => ledger.deleteTransfers(id),
      saveUploadFolder: () => ledger.saveUploadFolder(id, 'x'),
      fixVolumeChannel: () => ledger.fixVolumeChannel(id, '-100'),
      postVolume: () => ledger.postVolume(id, VOLUME, FREED),
      failUpload: () => ledger.failUpload(id, failure('no', NOW)),
      completeUpload: () => ledger.completeUpload(id, COMPLETION),
    }
  }

  test('all that a node writes of a transfer is refused once another one has claimed it', async () => {
    const log = createRecordingLog()
    const [a, b] = [await openNode({ log }), await openNode()]
    await insertUpload(a, upload, 'token')
    const run = (await claim(a, 'http://a')) ?? 0
    await a.saveTransfer(id, { ...TRANSFER, randomId: '7' })
    expect(await claim(b, 'http://b')).toBeGreaterThan(run)

    for (const [name, write] of Object.entries(writesOf(a))) {
      await expect(write(), name).rejects.toMatchObject(REFUSAL)
    }

    expect(await b.transfer(id)).toMatchObject({ randomId: '7' })
    expect(await b.volumes(id)).toEqual([])
    expect(await b.findUpload(id)).toMatchObject({ state: 'receiving', folderId: null })
    expect(await a.carriedUploads([id])).toMatchObject([{ isMine: false, state: 'receiving' }])
    expect(await b.carriedUploads([id])).toMatchObject([{ isMine: true }])
    expect(await a.carrierOf(id)).toBe('http://b')
    expect(log.entries.filter(({ message }) => message.includes('refused')).length).toBeGreaterThan(
      5,
    )
    for (const [name, write] of Object.entries(writesOf(b))) {
      await expect(write(), name).resolves.not.toThrow()
    }
  })

  test('a write that comes after the transfer was left is fenced as well', async () => {
    const [a, b] = [await openNode(), await openNode()]
    await insertUpload(a, upload, 'token')
    await claim(a, 'http://a')
    await a.leaveTransfer(id, null)
    expect(await a.carrierOf(id)).toBeNull()
    await a.saveAcknowledgedParts(id, Uint8Array.of(1))
    await claim(b, 'http://b')
    await b.saveAcknowledgedParts(id, Uint8Array.of(3))

    await expect(a.saveAcknowledgedParts(id, Uint8Array.of(1))).rejects.toMatchObject(REFUSAL)

    expect(await b.acknowledgedParts(id)).toEqual(Uint8Array.of(3))
  })

  test('a node that has carried an upload of the same id before writes nothing of the new one', async () => {
    const [a, b] = [await openNode(), await openNode()]
    await insertUpload(a, upload, 'token')
    await claim(a, 'http://a')
    await b.deleteUpload(id)
    await insertUpload(b, upload, 'token')
    await claim(b, 'http://b')

    await expect(a.saveTransfer(id, TRANSFER)).rejects.toMatchObject(REFUSAL)

    expect(await b.transfer(id)).toBeNull()
  })

  test('of an upload that was cancelled meanwhile no journal is written, and its end stays', async () => {
    const log = createRecordingLog()
    const [a, b] = [await openNode({ log }), await openNode()]
    await insertUpload(a, upload, 'token')
    await claim(a, 'http://a')
    await a.saveTransfer(id, TRANSFER)

    await b.cancelUpload(id, CANCELLED, KEEP)

    await expect(a.saveTransfer(id, TRANSFER)).rejects.toMatchObject(REFUSAL)
    await expect(a.saveAcknowledgedParts(id, Uint8Array.of(1))).rejects.toMatchObject(REFUSAL)
    expect(await a.fixVolumeChannel(id, '-100')).toBeNull()
    expect(await a.postVolume(id, VOLUME, FREED)).toBe(false)
    expect(await a.completeUpload(id, COMPLETION)).toMatchObject({ kind: 'closed' })
    expect(await a.failUpload(id, failure('no', NOW))).toMatchObject({ kind: 'closed' })
    await a.deleteTransfers(id)
    expect(await a.carriedUploads([id])).toMatchObject([{ isMine: true, state: 'cancelled' }])
    expect(await a.transfer(id)).toBeNull()
    expect(await claim(a, 'http://a')).toBeNull()
    expect(await a.carrierOf(id)).toBeNull()
    // An end is no fence.
    expect(log.entries.filter(({ message }) => message.includes('refused'))).toEqual([])
  })

  test('of an upload that is gone nothing is written either', async () => {
    const [a, b] = [await openNode(), await openNode()]
    await insertUpload(a, upload, 'token')
    await claim(a, 'http://a')

    await b.deleteUpload(id)

    await expect(a.saveTransfer(id, TRANSFER)).rejects.toMatchObject(REFUSAL)
    await a.deleteTransfers(id)
    expect(await a.postVolume(id, VOLUME, FREED)).toBe(false)
    expect(await a.completeUpload(id, COMPLETION)).toEqual({ kind: 'gone' })
    expect(await a.carriedUploads([id])).toEqual([])
    await a.leaveTransfer(id, NOW)
  })

  test('a node whose account another one has by now claims nothing', async () => {
    const a = await openNode()
    await insertUpload(a, upload, 'token')
    await lease(ACCOUNT, 'http://b', 10)

    await expect(claim(a, 'http://a')).rejects.toMatchObject(REFUSAL)
    // For 5 s more it is the other node's.
    await lease(ACCOUNT, 'http://b', -3)
    await expect(claim(a, 'http://a')).rejects.toMatchObject(REFUSAL)

    await lease(ACCOUNT, 'http://a', 10)
    expect(await claim(a, 'http://a')).toBeGreaterThan(0)
  })

  test('of two nodes that claim at once the one that was last carries it', async () => {
    const [a, b] = [await openNode(), await openNode()]
    await insertUpload(a, upload, 'token')

    for (let round = 0; round < 20; round++) {
      const [first, second] = await Promise.all([claim(a, 'http://a'), claim(b, 'http://b')])
      const [winner, loser] = (first ?? 0) > (second ?? 0) ? [a, b] : [b, a]
      await winner.saveTransfer(id, { ...TRANSFER, randomId: String(round) })
      await expect(loser.saveTransfer(id, TRANSFER)).rejects.toMatchObject(REFUSAL)
      expect(await a.transfer(id)).toMatchObject({ randomId: String(round) })
    }
  })

  test('a claim whose answer was lost is made again, and its writes count', async () => {
    const proxy = await startCuttingProxy(server.port)
    const a = await openNode({ url: url.replace(`:${server.port}/`, `:${proxy.port}/`) })
    await insertUpload(a, upload, 'token')

    proxy.cutAt('nextval', 'at the answer')
    expect(await claim(a, 'http://a')).toBeGreaterThan(0)

    await a.saveTransfer(id, TRANSFER)
    expect(await a.carriedUploads([id])).toMatchObject([{ isMine: true }])
  })

  test('an end whose COMMIT was not answered happens once, and is no refusal', async () => {
    const proxy = await startCuttingProxy(server.port)
    const a = await openNode({ url: url.replace(`:${server.port}/`, `:${proxy.port}/`) })
    await insertUpload(a, upload, 'token')
    await claim(a, 'http://a')

    proxy.cutAt('COMMIT', 'at the answer')

    expect(await a.completeUpload(id, COMPLETION)).toMatchObject({ kind: 'ended' })
  })

  describe('what a node may claim', () => {
    let ledger: PostgresLedger
    const claimable = async (node = 'http://a') =>
      (await ledger.claimableTransfers(node, 10)).map(({ uploadId }) => uploadId)

    beforeEach(async () => {
      ledger = await openNode()
    })

    async function add(uploadId: string, createdAt = NOW): Promise<void> {
      await insertUpload(
        ledger,
        makeUpload({ id: uploadId, createdAt, size: 1000, totalChunks: 1 }),
        't',
      )
      await ledger.acceptChunk(uploadId, CHUNK, { chunkSize: 1000, token: null, now: NOW })
    }

    test('has chunks or is sealed; sealed ones first, then the oldest', async () => {
      await insertUpload(ledger, makeUpload({ id: 'empty' }), 't')
      await add('young', NOW + 2)
      await add('old', NOW)
      await add('whole', NOW + 3)
      await ledger.sealUpload('whole', NOW)

      expect(await claimable()).toEqual(['whole', 'old', 'young'])
      expect(await ledger.claimableTransfers('http://a', 1)).toEqual([
        { uploadId: 'whole', account: null },
      ])
    })

    test('is carried by no living node, and not here', async () => {
      const other = await openNode()
      await add(id)
      await lease(ACCOUNT, 'http://b', 10)
      await claim(other, 'http://b')

      expect(await claimable()).toEqual([])
      // The node that has the account may claim what another one carries under it.
      expect(await claimable('http://b')).toEqual([id])
      await lease(ACCOUNT, 'http://b', -6)
      expect(await claimable()).toEqual([id])
      expect(await ledger.claimableTransfers('http://a', 1)).toEqual([
        { uploadId: id, account: ACCOUNT },
      ])
      await claim(ledger, 'http://a')
      expect(await claimable()).toEqual([])
    })

    test('is not to be tried later, and has not ended', async () => {
      const now = await ledger.databaseTime()
      for (const uploadId of ['later', 'now', 'over']) {
        await add(uploadId)
        await claim(ledger, 'http://a', uploadId)
      }
      await ledger.leaveTransfer('later', now + 60_000)
      await ledger.leaveTransfer('now', now - 1)
      await ledger.cancelUpload('over', CANCELLED, KEEP)
      await ledger.leaveTransfer('over', null)

      expect(await claimable()).toEqual(['now'])
    })

    test('is no piece of another upload', async () => {
      const stream = { metadata: null, concat: 'partial' }
      await insertUpload(
        ledger,
        makeUpload({ id: 'piece', size: 1000, totalChunks: 1 }),
        't',
        stream,
      )
      await ledger.acceptChunk('piece', CHUNK, { chunkSize: 1000, token: null, now: NOW })

      expect(await claimable()).toEqual([])
    })
  })
})
