import type { Cluster } from '../../test/helpers/cluster/nodes.ts'
import { startEmulator } from '../harness/emulator.ts'
import type { Figure } from '../harness/results.ts'
import {
  type Contestant,
  cpuPerMb,
  inRounds,
  median,
  p99,
  type Run,
  type Runs,
} from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { usageOf } from '../harness/usage.ts'
import { startWorker } from '../harness/worker.ts'
import { intake } from '../parts/chunks.ts'
import { addUsers, startNodes, statementsOf } from './nodes.ts'

/** Chunks to one node of a cluster, past the load balancer, beside a worker that is alone. */
export async function measureIntake(scope: Scope): Promise<Figure[]> {
  const cluster = await startNodes(scope, { nodes: 1 })
  const [node] = cluster.nodes
  if (node === undefined) throw new Error('there is one node')
  const { pid, url } = node
  const [user] = await addUsers(cluster, 1, 'bot')
  const emulator = await startEmulator(scope)
  const alone = await startWorker(scope, emulator, {
    env: { TELEGRAM_SESSION: '', TELEGRAM_BOT_TOKEN: emulator.account.botToken },
  })
  const clustered = { pid, url, token: user?.token ?? '', usage: () => usageOf(pid) }
  const rounds = scope.rounds + 2
  const crowded = new Map([
    ['worker', intake(clustered)],
    ['embedded', intake(alone)],
  ])
  const many = bothOf(await inRounds(crowded, { rounds }))
  const byOne = intake(clustered, { oneByOne: true })
  const perChunk: number[] = []
  const calm = new Map([
    ['worker', { ...byOne, run: () => countStatements(cluster, byOne, perChunk) }],
    ['embedded', intake(alone, { oneByOne: true })],
  ])
  const single = bothOf(await inRounds(calm, { rounds }))
  const figure = (name: string, unit: string, both: Both, of: (run: Run) => number): Figure => ({
    figure: name,
    unit,
    values: { worker: median(both.ours.map(of)), embedded: median(both.theirs.map(of)) },
    rounds: { worker: both.ours.map(of), embedded: both.theirs.map(of) },
  })
  const more = (both: Both, of: (run: Run) => number): number =>
    median(both.ours.map(of)) - median(both.theirs.map(of))
  const than = (name: string, unit: string, value: number, atMost: number): Figure => ({
    figure: name,
    unit,
    values: { worker: value },
    goals: [{ atMost }],
  })
  return [
    figure("a chunk's way in: CPU", 'ms/MB', many, cpuPerMb),
    than("a chunk's way in: CPU more than embedded's", 'ms/MB', more(many, cpuPerMb), 5),
    figure("a chunk's answer, 4 at once: 99th percentile", 'ms', many, p99),
    figure("a chunk's answer, one at a time: median", 'ms', single, middle),
    figure("a chunk's answer, one at a time: 99th percentile", 'ms', single, p99),
    than("the same: more than embedded's", 'ms', more(single, p99), 15),
    // What the node looks for each second is among them, and what a file takes once is not.
    than('statements for a chunk of 5 MB', '', median(perChunk), 2),
  ]
}

interface Both {
  ours: Run[]
  theirs: Run[]
}

function bothOf(runs: Runs): Both {
  return { ours: runs.get('worker') ?? [], theirs: runs.get('embedded') ?? [] }
}

function middle({ times }: Run): number {
  return median(times)
}

async function countStatements(
  cluster: Cluster,
  { run }: Contestant,
  perChunk: number[],
): ReturnType<Contestant['run']> {
  const before = await statementsOf(cluster)
  const done = await run()
  perChunk.push(((await statementsOf(cluster)) - before) / (done.times?.length ?? 1))
  return done
}
