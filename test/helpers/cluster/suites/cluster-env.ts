import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { z } from 'zod'
import { freePort } from '../../free-port.ts'
import { withClient } from '../postgres-server.ts'

const Servers = z.object({
  database: z.string(),
  template: z.string(),
  s3: z.object({
    endpoint: z.string(),
    region: z.string(),
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
    folder: z.string(),
  }),
})

const ALREADY_THERE = '42P04'

/**
 * What makes a worker a node of a cluster, where the run has servers for it (`with-servers.ts`), else
 * nothing. Workers of one name share a database and a bucket.
 */
export async function clusterEnv(name: string): Promise<Record<string, string>> {
  const servers = serversOfRun()
  if (servers === null) return {}
  const { database, template, s3 } = servers
  const shared = sharedName(name)
  await withClient(`${database}postgres`, (client) =>
    client.query(`CREATE DATABASE ${shared} TEMPLATE ${template}`).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError) || error.code !== ALREADY_THERE) throw error
    }),
  )
  await mkdir(join(s3.folder, shared), { recursive: true })
  return {
    LEDGER_KEY: `a key for ${shared}`,
    CLUSTER_DATABASE_URL: `${database}${shared}`,
    CLUSTER_DATABASE_CONNECTIONS: '4',
    CLUSTER_S3_ENDPOINT: s3.endpoint,
    CLUSTER_S3_BUCKET: shared,
    CLUSTER_S3_REGION: s3.region,
    CLUSTER_S3_ACCESS_KEY_ID: s3.accessKeyId,
    CLUSTER_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
  }
}

/** Where the objects of a worker's bucket are as files; null where the run has no servers for a cluster. */
export function bucketFolder(name: string): string | null {
  const servers = serversOfRun()
  return servers && join(servers.s3.folder, sharedName(name))
}

function serversOfRun(): z.infer<typeof Servers> | null {
  const { CLUSTER_SERVERS } = process.env
  return CLUSTER_SERVERS === undefined ? null : Servers.parse(JSON.parse(CLUSTER_SERVERS))
}

/** Of its database, and of its bucket. */
function sharedName(name: string): string {
  return `t${createHash('sha256').update(name).digest('hex').slice(0, 24)}`
}

/** How many nodes a worker of the run is. */
export function nodesOfCluster(): number {
  return Number(process.env.CLUSTER_NODES ?? 1)
}

/** What each node of a worker has for itself: others ask it there. */
export async function nodeEnv(): Promise<Record<string, string>> {
  const port = String(await freePort())
  return { PORT: port, CLUSTER_NODE_URL: `http://127.0.0.1:${port}` }
}
