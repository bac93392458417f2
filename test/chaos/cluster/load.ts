import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../../src/lib/units.ts'
import type { Cluster } from '../../helpers/cluster/nodes.ts'
import { createRandom } from '../random.ts'
import { playFault } from './faults.ts'
import { planFile, type Scale } from './plan.ts'
import { type Outcome, play, type Uploading } from './round.ts'

export interface LoadOptions {
  seed: number
  scale: Scale
  ms: number
  /** A node is killed this often. */
  everyMs: number
}

const USERS = 6
const LANES = 2

/** Users who upload one file after another for as long as that, while one node after another is killed. */
export async function runLoad(
  cluster: Cluster,
  { seed, scale, ms, everyMs }: LoadOptions,
): Promise<Outcome> {
  await cluster.telegram.control('/settings', { bandwidthPerConnection: 4 * MiB })
  const until = performance.now() + ms
  const random = createRandom(seed)
  const users = Array.from({ length: USERS }, (_, user): Uploading => {
    let files = 0
    return {
      accountKind: user % 3 === 0 ? 'both' : 'user',
      files: Array.from({ length: LANES }),
      next: () =>
        performance.now() > until
          ? null
          : planFile(random, `${seed}-${user}-${files++}.bin`, scale.large),
    }
  })
  return play(cluster, `${process.pid}-load-${seed}`, {
    users,
    faults: async (history, isOver) => {
      for (let next = performance.now() + everyMs; next < until; next += everyMs) {
        await wait(Math.max(0, next - performance.now()))
        const node = random.chance(0.5) ? 'carrier' : random.whole(0, scale.nodes - 1)
        const fault = { fault: 'kill', node, at: 0, ms: random.whole(0, 3_000) } as const
        await playFault(cluster, fault, { history, isOver })
      }
      await wait(Math.max(0, until - performance.now()))
    },
  })
}
