import pg from 'pg'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import { createLedgerCipher } from '../ledger/secrets/cipher.ts'
import type { Fields } from '../ledger/tables/rows.ts'
import { isKeyOf } from './tables/secrets.ts'

/** What an operator wants to know of the database of a cluster. */
export interface DatabaseFindings {
  /** Such as 150018. */
  readonly serverVersion: number
  readonly isEncrypted: boolean
  /** `off`: the database says that it has written what a crash of it may take away. */
  readonly synchronousCommit: string
  readonly fsync: string
  /** For users like the nodes'. */
  readonly maxConnections: number
  readonly trigrams: 'installed' | 'available' | 'missing'
  /** Null: no node has made its tables yet. */
  readonly schema: { readonly version: number; readonly least: number } | null
  /** Whether its secrets were written with this key; null: there are none yet. */
  readonly isKeyRight: boolean | null
  /** Milliseconds that its clock is ahead of this machine's. */
  readonly clockAheadMs: number
  /** Nodes that were heard of within the last seconds. */
  readonly nodes: readonly NodeAddress[]
}

const CONNECT_MS = 5_000
const QUERY_MS = 10_000

const SERVER = `
  SELECT current_setting('server_version_num')::integer AS version,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync') AS fsync,
    current_setting('max_connections')::integer
      - current_setting('superuser_reserved_connections')::integer AS max_connections,
    coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
    EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') AS has_trigrams,
    EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm') AS may_have_trigrams,
    to_regclass('ledger_version') IS NOT NULL AS has_schema,
    to_regclass('secrets') IS NOT NULL AS has_secrets,
    to_regclass('nodes') IS NOT NULL AS has_nodes`
const CLOCK = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now'
const NODES = `
  SELECT address FROM nodes WHERE seen_at > clock_timestamp() - interval '15 seconds' ORDER BY address`

/** Looks at the database, and changes nothing. Rejects as `pg` does where it cannot be asked. */
export async function inspectDatabase(url: string, key: Buffer): Promise<DatabaseFindings> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    application_name: 'telestore-worker doctor',
  })
  client.on('error', () => {})
  const all = async (sql: string, values: readonly unknown[] = []): Promise<Fields[]> =>
    (await client.query<Fields>(sql, [...values])).rows
  const get = async (sql: string, values?: readonly unknown[]) => (await all(sql, values))[0]
  await client.connect()
  try {
    const server = (await get(SERVER)) ?? {}
    const schema = server.has_schema ? await get('SELECT version, least FROM ledger_version') : null
    const askedAt = Date.now()
    const clock = await get(CLOCK)
    const between = (askedAt + Date.now()) / 2
    const nodes = server.has_nodes ? await all(NODES) : []
    return {
      serverVersion: Number(server.version),
      isEncrypted: server.is_encrypted === true,
      synchronousCommit: String(server.synchronous_commit),
      fsync: String(server.fsync),
      maxConnections: Number(server.max_connections),
      trigrams: server.has_trigrams
        ? 'installed'
        : server.may_have_trigrams
          ? 'available'
          : 'missing',
      schema: schema ? { version: Number(schema.version), least: Number(schema.least) } : null,
      isKeyRight: server.has_secrets ? await isKeyOf({ get }, createLedgerCipher(key)) : null,
      clockAheadMs: Number(clock?.now) - between,
      nodes: nodes.map(({ address }) => String(address)),
    }
  } finally {
    await client.end().catch(() => {})
  }
}
