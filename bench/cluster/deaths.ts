import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import type { Cluster, ClusterNode } from '../../test/helpers/cluster/nodes.ts'
import { withClient } from '../../test/helpers/cluster/postgres-server.ts'
import type { Figure, Goal } from '../harness/results.ts'
import { sendFile } from '../harness/web-client.ts'
import { addUsers, p99Of, withNodes } from './nodes.ts'

const NODES = 4
const UPLOADS = 6
const FILE_MB = 80
/** Slow enough that files are on their way for as long as it takes, and a part of 512 KB takes a second. */
const BANDWIDTH = MiB / 2
const PATIENCE_MS = 60_000

/** How long transfers stand still when their node dies, or is told to end. */
export async function measureDeaths(rounds: number): Promise<Figure[]> {
  const killed: number[] = []
  const ended: number[] = []
  for (let round = 0; round < rounds; round++) {
    killed.push(...(await runOnce((node) => node.kill())))
    ended.push(...(await runOnce((node) => void node.stop())))
  }
  const figure = (name: string, times: number[], goal: Goal): Figure => ({
    figure: `${name}, until its transfers move: 99th percentile of ${times.length}`,
    unit: 's',
    values: { worker: p99Of(times) },
    rounds: { worker: times },
    goals: [goal],
  })
  return [
    figure('a node is killed', killed, { atMost: 25 }),
    figure('a node is told to end', ended, { atMost: 2 }),
  ]
}

/** Seconds from the node's end to the next progress of each upload that it carried. */
function runOnce(end: (node: ClusterNode) => unknown): Promise<number[]> {
  return withNodes({ nodes: NODES }, async (cluster) => {
    await cluster.telegram.control('/settings', { bandwidthPerConnection: BANDWIDTH })
    const users = await addUsers(cluster, UPLOADS)
    const block = randomBytes(5 * MiB)
    const uploads = await Promise.all(
      users.map(async ({ token }) => {
        const worker = { url: cluster.url, token }
        const uploadId = await sendFile(worker, { megabytes: FILE_MB, block, parallel: 2 })
        await fetch(`${cluster.url}/complete-upload`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ uploadId }),
        })
        return uploadId
      }),
    )
    const { node, carried } = await busiest(cluster, uploads)
    const others = cluster.nodes.filter((other) => other !== node)
    const before = await Promise.all(carried.map((id) => percentOf(others, id)))
    const startedAt = performance.now()
    await end(node)
    const times = await Promise.all(
      carried.map(async (id, index) => {
        // What the old node has sent until its end was told a moment later, perhaps.
        await wait(300)
        const from = Math.max(before[index] ?? 0, await percentOf(others, id))
        while ((await percentOf(others, id)) <= from) {
          if (performance.now() - startedAt > PATIENCE_MS) return PATIENCE_MS / 1000
          await wait(50)
        }
        return (performance.now() - startedAt) / 1000
      }),
    )
    process.stderr.write(`  moved again: ${times.map((time) => time.toFixed(1)).join(', ')} s\n`)
    return times
  })
}

async function busiest(
  cluster: Cluster,
  uploads: readonly string[],
): Promise<{ node: ClusterNode; carried: string[] }> {
  for (;;) {
    await wait(500)
    const rows = await withClient(cluster.databaseUrl, async (client) => {
      const text = 'SELECT id, carrier FROM uploads WHERE id = ANY ($1::text[])'
      return (await client.query<{ id: string; carrier: string | null }>(text, [uploads])).rows
    })
    const [found] = cluster.nodes
      .map((node) => ({
        node,
        carried: rows.filter(({ carrier }) => carrier === node.url).map(({ id }) => id),
      }))
      .sort((a, b) => b.carried.length - a.carried.length)
    if (found && found.carried.length > 0) return found
  }
}

/** The percent of the job, as any of the nodes tells it. */
async function percentOf(nodes: readonly ClusterNode[], uploadId: string): Promise<number> {
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  const response = await fetch(`${node?.url}/upload-progress/${uploadId}`).catch(() => null)
  return response?.ok ? ((await response.json()) as { progress: number }).progress : 0
}
