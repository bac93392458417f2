import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { emptyTables, openTestLedger } from '../../helpers/cluster/postgres-ledger.ts'
import { type PostgresServer, startPostgres } from '../../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { describeLedger } from '../../helpers/storage/ledger-contract/ledger-contract.ts'

const missing = missingPrograms('postgres')

describe.skipIf(missing !== '')(`on PostgreSQL${missing}`, () => {
  let server: PostgresServer

  beforeAll(async () => {
    server = await startPostgres()
    await server.createDatabase('ledger')
  })
  afterAll(() => server.stop())

  describeLedger('the ledger in PostgreSQL', async () => {
    await emptyTables(server.urlOf('ledger'))
    const node = { database: 'ledger', key: randomBytes(32) }
    const ledger = await openTestLedger(server, node)
    return { ledger, other: await openTestLedger(server, node) }
  })
})
