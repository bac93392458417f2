import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { sendFile } from '../harness/web-client.ts'
import { addUsers, statementsOf, withNodes } from './nodes.ts'

const ACCOUNTS = 40
const FILE_MB = 10
/** Slow enough that two cores carry what four nodes can. */
const BANDWIDTH = MiB
/** Files that a node sends at one time: few enough that four nodes have five for each of their slots. */
const SLOTS = 2
/** Files on their way in at once: a node takes so many requests and no more. */
const SENDERS = 10
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
      figure: `uploads, ${ACCOUNTS} accounts, ${SLOTS} at once at a node, Telegram takes ${BANDWIDTH / MiB} MB/s on a connection`,
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
  const env = { MAX_CONCURRENT_UPLOADS: String(SLOTS) }
  return withNodes({ nodes, env }, async (cluster) => {
    await cluster.telegram.control('/settings', { bandwidthPerConnection: BANDWIDTH })
    const users = await addUsers(cluster, ACCOUNTS)
    const block = randomBytes(CHUNK_MB * MiB)
    const before = await statementsOf(cluster)
    const startedAt = performance.now()
    const queue = [...users]
    const ends: Promise<void>[] = []
    async function sendNext(): Promise<void> {
      for (let user = queue.shift(); user; user = queue.shift()) {
        const worker = { url: cluster.url, token: user.token }
        ends.push(endOf(cluster.url, await sendFile(worker, { megabytes: FILE_MB, block })))
      }
    }
    await Promise.all(Array.from({ length: SENDERS }, sendNext))
    await Promise.all(ends)
    const seconds = (performance.now() - startedAt) / 1000
    const statements = (await statementsOf(cluster)) - before
    return { speed: (ACCOUNTS * FILE_MB) / seconds, statements }
  })
}

/** Completes it, and looks twice a second whether it is in Telegram. */
async function endOf(url: string, uploadId: string): Promise<void> {
  await fetch(`${url}/complete-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uploadId }),
  })
  for (;;) {
    const response = await fetch(`${url}/upload-progress/${uploadId}`)
    const { status, error } = (await response.json()) as { status: string; error: string }
    if (status === 'completed') return
    if (status === 'failed') throw new Error(error)
    await wait(500)
  }
}
