import { type Cluster, startCluster } from '../../test/helpers/cluster/nodes.ts'
import type { AccountKind } from '../../test/helpers/peers/peer-processes.ts'
import type { Scope } from '../harness/scope.ts'
import { usageOf } from '../harness/usage.ts'
import { WORKER_ENV, WORKER_FLAGS } from '../harness/worker.ts'

/** The built worker, as the Dockerfile starts it. */
const PROGRAM = { path: 'dist/server.js', flags: WORKER_FLAGS, isBuilt: true }

/** Nodes on servers of their own; nothing stands between them and what they need. */
export async function startNodes(
  scope: Pick<Scope, 'onEnd'>,
  { nodes, env = {} }: { nodes: number; env?: Record<string, string> },
): Promise<Cluster> {
  const cluster = await startCluster({
    nodes,
    links: false,
    checks: 'ready',
    program: PROGRAM,
    env: { ...WORKER_ENV, LOG_LEVEL: 'warn', ...env },
  })
  scope.onEnd(cluster.close)
  await cluster.waitUntilReady()
  return cluster
}

/** The same for as long as `work` takes. */
export async function withNodes<T>(
  options: { nodes: number; env?: Record<string, string> },
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const ends: (() => unknown)[] = []
  try {
    return await work(await startNodes({ onEnd: (end) => ends.push(end) }, options))
  } finally {
    for (const end of ends) await end()
  }
}

/** Login tokens of new users, each with an account of its own. */
export function addUsers(
  cluster: Cluster,
  count: number,
  kind: AccountKind = 'user',
): Promise<{ token: string; channelId: string }[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => cluster.addUser(`bench-${index}`, kind)),
  )
}

export function usageOfNodes({ nodes }: Cluster): number {
  return nodes.reduce((sum, { pid }) => sum + usageOf(pid).cpu, 0)
}

/** Statements that all nodes have sent to the database so far. */
export async function statementsOf({ nodes }: Cluster): Promise<number> {
  const counts = await Promise.all(
    nodes.map(async ({ url }) => {
      const response = await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })
      const text = await response.text()
      const [, count] = /^telestore_database_statements_total (\d+)/m.exec(text) ?? []
      if (count === undefined) throw new Error('a node does not count its statements')
      return Number(count)
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

/** The value that 99 of 100 do not exceed. */
export function p99Of(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN
}
