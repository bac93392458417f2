import { randomBytes } from 'node:crypto'
import { MiB } from '../../src/lib/units.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { completed, sendFile } from '../harness/web-client.ts'
import { addUsers, statementsOf, withNodes } from './nodes.ts'

const ACCOUNTS = 40
const FILE_MB = 15
/** Slow enough that two cores carry what four nodes can. */
const BANDWIDTH = MiB
const CHUNK_MB = 5
const PARTS_PER_MB = 2

/** Files of many accounts through 1, 2 and 4 nodes: each node carries some accounts at a time. */
export async function measureUploads(rounds: number): Promise<Figure[]> {
  const speeds: Record<string, number[]> = {}
  const statements: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const nodes of [1, 2, 4]) {
      const run = await runOnce(nodes)
      const name = nodes === 1 ? '1 node' : `${nodes} nodes`
      speeds[name] = [...(speeds[name] ?? []), run.speed]
      if (nodes === 4) statements.push(run.statements)
      process.stderr.write(`  uploads, ${name}: ${run.speed.toFixed(1)} MB/s\n`)
    }
  }
  const chunks = (ACCOUNTS * FILE_MB) / CHUNK_MB
  const parts = ACCOUNTS * FILE_MB * PARTS_PER_MB
  const perChunk = statements.map((count) => count / chunks)
  return [
    {
      figure: `uploads, ${ACCOUNTS} accounts, Telegram takes ${BANDWIDTH / MiB} MB/s on a connection`,
      unit: 'MB/s',
      values: Object.fromEntries(Object.entries(speeds).map(([name, all]) => [name, median(all)])),
      rounds: speeds,
      goals: [
        { of: '2 nodes', atLeast: 1.85, times: '1 node' },
        { of: '4 nodes', atLeast: 3.4, times: '1 node' },
      ],
    },
    {
      figure: `statements of such an upload, all of them, for each chunk of 5 MB (${parts / chunks} parts)`,
      unit: '',
      values: { worker: median(perChunk) },
      rounds: { worker: perChunk },
    },
  ]
}

async function runOnce(nodes: number): Promise<{ speed: number; statements: number }> {
  return withNodes({ nodes }, async (cluster) => {
    await cluster.telegram.control('/settings', { bandwidthPerConnection: BANDWIDTH })
    const users = await addUsers(cluster, ACCOUNTS)
    const block = randomBytes(CHUNK_MB * MiB)
    const before = await statementsOf(cluster)
    const startedAt = performance.now()
    await Promise.all(
      users.map(async ({ token }) => {
        const worker = { url: cluster.url, token }
        await completed(worker, await sendFile(worker, { megabytes: FILE_MB, block, parallel: 2 }))
      }),
    )
    const seconds = (performance.now() - startedAt) / 1000
    const statements = (await statementsOf(cluster)) - before
    return { speed: (ACCOUNTS * FILE_MB) / seconds, statements }
  })
}
