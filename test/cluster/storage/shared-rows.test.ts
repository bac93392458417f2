import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSharedTies } from '../../../src/core/downloads/download-ties.ts'
import type { PostgresLedger } from '../../../src/storage/postgres/ledger.ts'
import { emptyTables, openTestLedger } from '../../helpers/cluster/postgres-ledger.ts'
import { type PostgresServer, startPostgres } from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { NOW, PAYLOAD, RESULT } from '../../helpers/storage/ledger-contract/fixtures.ts'
import { makeShare } from '../../helpers/storage/ledger-contract/shares.ts'
import { makeUpload } from '../../helpers/upload.ts'

const missing = missingPrograms('postgres')

describe.skipIf(missing !== '')(`rows that nodes share${missing}`, () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('ledger')
  })
  afterAll(() => server.stop())

  async function makeNodes(count: number): Promise<PostgresLedger[]> {
    await emptyTables(server.urlOf('ledger'))
    const node = { database: 'ledger', key: randomBytes(32) }
    return Promise.all(Array.from({ length: count }, () => openTestLedger(server, node)))
  }

  test('each webhook is one node’s, until that is over or is given up', async () => {
    const nodes = await makeNodes(4)
    const [ledger] = nodes
    if (!ledger) throw new Error('there is no node')
    for (let index = 0; index < 12; index++) {
      const id = `upload ${index}`
      await insertUpload(ledger, makeUpload({ id }), 'token')
      const completion = { result: RESULT, webhook: PAYLOAD, library: null, now: NOW }
      await ledger.completeUpload(id, completion)
    }

    const claims = await Promise.all(nodes.map((node) => node.dueWebhooks(NOW, 4, NOW + 100)))

    const claimed = claims.flat().map(({ id }) => id)
    expect(new Set(claimed).size).toBe(claimed.length)
    const rest = await ledger.dueWebhooks(NOW, 12, NOW + 100)
    expect(claimed.length + rest.length).toBe(12)
    expect(await ledger.dueWebhooks(NOW + 99, 12, NOW + 200)).toEqual([])
    await ledger.releaseWebhook(claimed[0] ?? '', NOW + 1)
    expect(await nodes[3]?.dueWebhooks(NOW + 1, 12, NOW + 200)).toMatchObject([{ id: claimed[0] }])
    expect(await nodes[2]?.dueWebhooks(NOW + 100, 12, NOW + 200)).toHaveLength(11)
  })
  test('a download token opens the message that any node has read with it first', async () => {
    const nodes = await makeNodes(4)
    let now = NOW
    const ties = nodes.map((node) => createSharedTies(node, () => now))
    const [first, second] = ties
    if (!first || !second) throw new Error('there is no node')
    expect(await first.messageOf('token')).toBeNull()

    const tied = await Promise.all(ties.map((node, index) => node.tie('token', index + 1)))

    expect(new Set(tied).size).toBe(1)
    expect(await second.messageOf('token')).toBe(tied[0])
    expect(await second.tie('other', 9)).toBe(9)
    expect(await first.messageOf('other')).toBe(9)

    now += 3 * 3_600_000
    await nodes[0]?.deleteExpiredTicketTokens(now)
    const [later] = nodes.map((node) => createSharedTies(node, () => now))
    expect(await later?.messageOf('token')).toBeNull()
    expect(await later?.tie('token', 77)).toBe(77)
  })

  test('of a share no node gives out more downloads than all may', async () => {
    const nodes = await makeNodes(4)
    const [ledger] = nodes
    const share = makeShare('a', { maxDownloads: 3 })
    await ledger?.openShare(share, { token: 'login', endsAt: null }, { maxOpen: 9, keepEnded: 9 })
    const download = { id: share.id, visit: null, content: '1', visitMs: 1_000, now: NOW }

    const counted = await Promise.all(
      Array.from({ length: 12 }, (_, n) => nodes[n % 4]?.countDownload(download)),
    )

    expect(counted.filter((how) => how === 'counted')).toHaveLength(3)
    expect(counted.filter((how) => how === 'used-up')).toHaveLength(9)
    expect(await ledger?.findShare(share.id)).toMatchObject({ downloads: 3 })
  })

  test('all nodes together open no more for one user than the user may have', async () => {
    const nodes = await makeNodes(4)
    const opening = (id: string) => ({
      upload: makeUpload({ id, size: 10, totalChunks: 1 }),
      token: 'token',
      stream: null,
      share: { maxUploads: 5, maxBytes: 1_000 },
      capacity: { limitBytes: 1_000, freeBytes: 1_000, presentBytes: 0 },
    })

    const opened = await Promise.all(
      Array.from({ length: 12 }, (_, n) => nodes[n % 4]?.openUpload(opening(`upload ${n}`))),
    )

    expect(opened.filter((one) => one?.kind === 'opened')).toHaveLength(5)
    expect(opened.filter((one) => one?.kind === 'over-share')).toHaveLength(7)
  })
  test('changes of a library are counted by all nodes together', async () => {
    const nodes = await makeNodes(3)

    const counts = await Promise.all(nodes.map((node) => node.countLibraryChange('ann')))

    expect(counts.toSorted()).toEqual([1, 2, 3])
    expect(await nodes[0]?.libraryChanges(['ann', 'bob'])).toEqual(new Map([['ann', 3]]))
    expect(await nodes[0]?.libraryChanges([])).toEqual(new Map())
  })
})
