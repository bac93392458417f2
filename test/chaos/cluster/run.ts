/**
 * `npm run chaos:cluster -- --rounds 300 --seed 7`: nodes behind a load balancer are killed, frozen and
 * cut off while clients upload, watch and read; what the clients were told is then held against what
 * Telegram has. A failed round can be played alone: `--rounds 1 --seed <its seed>`.
 *
 * `npm run chaos:cluster -- --minutes 10 --every 20`: one load, with a node killed every so many seconds.
 */
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MiB } from '../../../src/lib/units.ts'
import { type Cluster, startCluster } from '../../helpers/cluster/nodes.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { runLoad } from './load.ts'
import { planRound, type Scale } from './plan.ts'
import { type Outcome, runRound } from './round.ts'

/** New nodes after so many rounds: Telegram's disk fills. */
const ROUNDS_PER_CLUSTER = 10

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string', default: '4' },
    longest: { type: 'string', default: '30' },
    minutes: { type: 'string' },
    every: { type: 'string', default: '20' },
    verbose: { type: 'boolean', default: false },
  },
})
const missing = missingPrograms('postgres', 'versitygw', 'haproxy')
if (missing !== '') {
  console.error(missing.trim())
  process.exit(2)
}
const scale: Scale = {
  nodes: Number(values.nodes),
  large: 24 * MiB,
  maxFaults: 3,
  longest: Number(values.longest) * 1_000,
}
const firstSeed = Number(values.seed)
const isLoad = values.minutes !== undefined
const rounds = isLoad ? 1 : Number(values.rounds)
const failures: { seed: number; broken: string[] }[] = []
let cluster: Cluster | null = null
let played = 0

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await cluster?.close()
    process.exit(1)
  })
}
for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
  cluster ??= await startCluster({ nodes: scale.nodes, env: { LOG_LEVEL: 'info' } })
  const broken = await playRound(cluster, seed)
  played++
  if (broken.length > 0) failures.push({ seed, broken })
  if (broken.length > 0 || played % ROUNDS_PER_CLUSTER === 0) {
    await cluster.close()
    cluster = null
  }
}
await cluster?.close()
console.log(`${played - failures.length} of ${played} rounds kept everything (seed ${firstSeed})`)
for (const { seed, broken } of failures) console.log(`  seed ${seed}: ${broken.join('; ')}`)
process.exit(failures.length > 0 ? 1 : 0)

/** What was not kept. */
async function playRound(running: Cluster, seed: number): Promise<string[]> {
  const startedAt = performance.now()
  const plan = planRound(seed, scale)
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1)
  try {
    const outcome = isLoad
      ? await runLoad(running, {
          seed,
          scale,
          ms: Number(values.minutes) * 60_000,
          everyMs: Number(values.every) * 1_000,
        })
      : await runRound(running, plan)
    const { broken } = outcome
    console.log(`seed ${seed}: ${seconds()} s, ${inWords(outcome)}`)
    if (broken.length > 0) await report(running, seed, outcome)
    return broken
  } catch (error) {
    console.log(
      `seed ${seed}: FAILED after ${seconds()} s: ${error instanceof Error ? error.stack : error}`,
    )
    if (values.verbose) for (const node of running.nodes) console.log(node.output())
    return [String(error)]
  }
}

function inWords({ history }: Outcome): string {
  const { entries } = history
  const count = (kind: (typeof entries)[number]['kind']): number =>
    entries.filter((entry) => entry.kind === kind).length
  const faults = entries.flatMap((entry) =>
    entry.kind === 'fault' && entry.event === 'begin'
      ? [
          `${entry.what}${entry.node === null ? '' : ` ${entry.node}`} at ${(entry.ms / 1000).toFixed(1)}`,
        ]
      : [],
  )
  return `${count('file')} files, ${count('completed')} completed, ${count('cancelled')} cancelled, ${count('acknowledged')} acknowledged, ${count('read')} reads, ${count('refused')} refused; ${faults.join(', ')}`
}

async function report(running: Cluster, seed: number, { history, broken }: Outcome): Promise<void> {
  const path = join(tmpdir(), `chaos-cluster-${seed}.json`)
  const nodes = running.nodes.map((node) => node.output())
  await writeFile(path, JSON.stringify({ seed, broken, history: history.entries, nodes }, null, 1))
  console.log(`seed ${seed}: FAILED:`)
  for (const sentence of broken) console.log(`  ${sentence}`)
  console.log(`  what clients saw, and the ends of the nodes' logs: ${path}`)
  if (values.verbose) for (const output of nodes) console.log(output)
}
