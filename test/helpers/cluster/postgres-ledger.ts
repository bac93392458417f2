import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { openPostgresLedger, type PostgresLedger } from '../../../src/storage/postgres/ledger.ts'
import { createRecordingLog } from '../recording-log.ts'
import { type PostgresServer, withClient } from './postgres-server.ts'

/** Opens the ledger of a database in the server, for as long as the test runs. */
export async function openTestLedger(
  server: Pick<PostgresServer, 'urlOf'>,
  options: Partial<Parameters<typeof openPostgresLedger>[0]> & { database: string },
): Promise<PostgresLedger> {
  const { database, ...others } = options
  const ledger = await openPostgresLedger({
    url: server.urlOf(database),
    key: randomBytes(32),
    log: createRecordingLog(),
    ...others,
  })
  onTestFinished(() => ledger.close().catch(() => {}))
  return ledger
}

/** Empties all tables of a ledger: much faster than to make them anew. */
export async function emptyTables(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables
       WHERE schemaname = 'public' AND tablename <> 'ledger_version'`,
    )
    if (rows.length === 0) return
    await client.query(`TRUNCATE ${rows.map(({ name }) => name).join(', ')}`)
  })
}
