import type { Cluster } from '../../test/helpers/cluster/nodes.ts'
import { startEmulator } from '../harness/emulator.ts'
import type { Figure } from '../harness/results.ts'
import { type Contestant, cpuPerMb, inRounds, median, p99, type Run } from '../harness/rounds.ts'
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
  const ourIntake = intake(clustered)
  const perChunk: number[] = []
  const contestants = new Map([
    ['worker', { ...ourIntake, run: () => countStatements(cluster, ourIntake, perChunk) }],
    ['embedded', intake(alone)],
  ])
  const runs = await inRounds(contestants, { rounds: scope.rounds + 2 })
  const [ours, theirs] = [runs.get('worker') ?? [], runs.get('embedded') ?? []]
  const figure = (name: string, unit: string, of: (run: Run) => number): Figure => ({
    figure: name,
    unit,
    values: { worker: median(ours.map(of)), embedded: median(theirs.map(of)) },
    rounds: { worker: ours.map(of), embedded: theirs.map(of) },
  })
  const more = (of: (run: Run) => number): number => median(ours.map(of)) - median(theirs.map(of))
  const than = (name: string, unit: string, value: number, atMost: number): Figure => ({
    figure: name,
    unit,
    values: { worker: value },
    goals: [{ atMost }],
  })
  return [
    figure("a chunk's way in: CPU", 'ms/MB', cpuPerMb),
    than("a chunk's way in: CPU more than embedded's", 'ms/MB', more(cpuPerMb), 5),
    figure("a chunk's answer: 99th percentile", 'ms', p99),
    than("a chunk's answer: 99th percentile more than embedded's", 'ms', more(p99), 15),
    than('statements for a chunk of 5 MB', '', median(perChunk), 2),
  ]
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
