import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { sendFile } from '../harness/web-client.ts'
import { addUsers, statementsOf, withNodes } from './nodes.ts'

const FILE_MB = 200
const BANDWIDTH = 2 * MiB
const CHUNK_MB = 5
const PARTS_PER_MB = 2

/** What a transfer asks of the database, beyond what a node asks that has nothing to do. */
export async function measureParts(rounds: number): Promise<Figure[]> {
  const perPart: number[] = []
  const idle: number[] = []
  for (let round = 0; round < rounds; round++) {
    const run = await runOnce()
    perPart.push(run.perPart)
    idle.push(run.idle)
  }
  return [
    {
      figure: 'statements for a part of 512 KB on its way to Telegram, nobody watching',
      unit: '',
      values: { worker: median(perPart) },
      rounds: { worker: perPart },
      goals: [{ atMost: 0.05 }],
    },
    {
      figure: 'statements of a node that has nothing to do',
      unit: 'a second',
      values: { worker: median(idle) },
      rounds: { worker: idle },
    },
  ]
}

function runOnce(): Promise<{ perPart: number; idle: number }> {
  return withNodes({ nodes: 1 }, async (cluster) => {
    const { telegram } = cluster
    await telegram.control('/settings', { bandwidthPerConnection: BANDWIDTH })
    const idle = await during(() => wait(10_000))
    const [user] = await addUsers(cluster, 1)
    const { token = '' } = user ?? {}
    const file = { megabytes: FILE_MB, block: randomBytes(CHUNK_MB * MiB), parallel: 4 }
    const uploadId = await sendFile({ url: cluster.url, token }, file)
    await fetch(`${cluster.url}/complete-upload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uploadId }),
    })
    const received = async (): Promise<number> => (await telegram.counters()).partsReceived
    const before = await received()
    // What its beginning and its end ask for is asked once for a file, however large.
    const almost = FILE_MB * PARTS_PER_MB * 0.95
    const sent = await during(async () => {
      while ((await received()) < almost) await wait(100)
    })
    const parts = (await received()) - before
    const own = sent.statements - (idle.statements / idle.seconds) * sent.seconds
    return { perPart: own / parts, idle: idle.statements / idle.seconds }

    async function during(work: () => Promise<void>) {
      const startedAt = performance.now()
      const counted = await statementsOf(cluster)
      await work()
      const statements = (await statementsOf(cluster)) - counted
      return { statements, seconds: (performance.now() - startedAt) / 1000 }
    }
  })
}
