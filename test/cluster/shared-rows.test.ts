import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MaintainedLedger } from '../../src/core/ports/ledger.ts'
import { emptyTables, openTestLedger } from '../helpers/cluster/postgres-ledger.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { insertUpload } from '../helpers/storage/insert-upload.ts'
import { NOW, PAYLOAD, RESULT } from '../helpers/storage/ledger-contract/fixtures.ts'
import { makeUpload } from '../helpers/upload.ts'

const missing = missingPrograms('postgres')

describe.skipIf(missing !== '')(`rows that nodes share${missing}`, () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('ledger')
  })
  afterAll(() => server.stop())

  async function makeNodes(count: number): Promise<MaintainedLedger[]> {
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
})
