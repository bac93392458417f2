import type { ClusterConfig } from '../../../config/config.ts'
import { type DatabaseFindings, inspectDatabase } from '../../../storage/postgres/inspect.ts'
import { SCHEMA_VERSION } from '../../../storage/postgres/schema.ts'
import type { DoctorContext, Finding } from '../check.ts'
import { reportSkew } from './skew.ts'

const CHECK = 'Database'
/** 14, in PostgreSQL's own way of counting. */
const LEAST_SERVER = 140_000
/** The leases of a node have three of their own. */
const MORE_CONNECTIONS = 3

/** Looks at the database that the nodes share. Resolves with what it found; null: it cannot be asked. */
export async function checkDatabase(
  { report }: Pick<DoctorContext, 'report'>,
  { cluster, key }: { cluster: ClusterConfig; key: Buffer },
): Promise<DatabaseFindings | null> {
  try {
    const found = await inspectDatabase(cluster.databaseUrl, key)
    for (const finding of judge(found, cluster)) report({ check: CHECK, ...finding })
    reportSkew(report, { of: "the database's clock", aheadMs: found.clockAheadMs })
    return found
  } catch (error) {
    report({ check: CHECK, verdict: 'failed', ...explain(error) })
    return null
  }
}

function judge(found: DatabaseFindings, { databaseConnections }: ClusterConfig): Judged[] {
  const { serverVersion, isEncrypted, synchronousCommit, fsync, trigrams, schema } = found
  const version = `PostgreSQL ${Math.floor(serverVersion / 10_000)}.${serverVersion % 10_000}`
  const encrypted = isEncrypted ? 'encrypted' : 'not encrypted'
  const wanted = (found.nodes.length + 1) * (databaseConnections + MORE_CONNECTIONS)
  return [
    serverVersion < LEAST_SERVER
      ? failed(`is ${version}`, 'The worker needs PostgreSQL 14 or newer.')
      : { verdict: 'ok', text: `answers: ${version}, ${encrypted}, ${schemaOf(schema)}` },
    ...when(synchronousCommit === 'off' || synchronousCommit === 'local', () =>
      failed(
        `synchronous_commit is ${synchronousCommit}`,
        'A crash of the database takes back rows of chunks that clients were told it has. Set it to on.',
      ),
    ),
    ...when(fsync !== 'on', () =>
      failed('fsync is off', 'A loss of power can destroy the whole database. Set it to on.'),
    ),
    ...when(schema !== null && schema.least > SCHEMA_VERSION, () =>
      failed(
        'belongs to a later version of the worker',
        'Start the version that the other nodes have.',
      ),
    ),
    ...when(found.isKeyRight === false, () =>
      failed(
        "LEDGER_KEY is not the other nodes'",
        'This node would not start. Give it the key that the others have.',
      ),
    ),
    ...when(trigrams !== 'installed' && (schema !== null || trigrams === 'missing'), () => ({
      verdict: 'note',
      text: 'has no pg_trgm: a search reads all names of a library',
      advice:
        trigrams === 'available'
          ? 'As a user who may: CREATE EXTENSION pg_trgm; the next node that starts makes the index.'
          : 'It comes with most packages of PostgreSQL, as "contrib" where not by itself.',
    })),
    ...when(wanted > found.maxConnections, () => ({
      verdict: 'note',
      text: `takes ${found.maxConnections} connections, and ${found.nodes.length + 1} nodes may want ${wanted}`,
      advice: 'Raise max_connections, or lower CLUSTER_DATABASE_CONNECTIONS.',
    })),
  ]
}

type Judged = Omit<Finding, 'check'>

function failed(text: string, advice: string): Judged {
  return { verdict: 'failed', text, advice }
}

function when(holds: boolean, finding: () => Judged): Judged[] {
  return holds ? [finding()] : []
}

function schemaOf(schema: DatabaseFindings['schema']): string {
  if (schema === null) return 'empty: the first node makes its tables'
  if (schema.version < SCHEMA_VERSION) {
    return `of an earlier version (${schema.version}): the next node that starts brings it to ${SCHEMA_VERSION}`
  }
  return `schema ${schema.version}`
}

/** By the codes of Node, OpenSSL and PostgreSQL. */
const WHY: readonly [codes: RegExp, text: string, advice: string][] = [
  [/^ECONNREFUSED$/, 'nothing listens there', 'Does PostgreSQL run, and listen on that address?'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'no host has that name', 'Is the name of the host right?'],
  [/TIMEDOUT|UNREACH/, 'it cannot be reached', 'Is it switched on, and no firewall between?'],
  [
    /^28/,
    'it refuses the user or the password',
    'Are both right, and does pg_hba.conf let them in?',
  ],
  [/^3D000$/, 'it has no such database', 'Make it: CREATE DATABASE telestore.'],
  [/^53300$/, 'it has no connection to spare', 'Raise max_connections.'],
  [/^42501$/, 'its user may not read the tables', "Let the nodes' user own the database."],
  [/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/, 'its certificate is not good', 'Is sslrootcert right?'],
]

function explain(error: unknown): { text: string; advice: string } {
  const code = String(Reflect.get(Object(error), 'code') ?? '')
  const message = error instanceof Error ? error.message : ''
  const [, text, advice] = WHY.find(([codes]) => codes.test(code)) ?? []
  if (text !== undefined && advice !== undefined) {
    return { text: `cannot be used: ${text} (${code})`, advice }
  }
  if (/timeout/i.test(message)) {
    return { text: 'does not answer', advice: 'Is it switched on, and no firewall between?' }
  }
  if (/SSL/.test(message)) {
    return { text: 'does not speak TLS', advice: 'Turn it on there, or leave sslmode out.' }
  }
  return {
    text: `cannot be used (${code || 'no reason is known'})`,
    advice: 'Is CLUSTER_DATABASE_URL right?',
  }
}
