/**
 * `npm run chaos -- --rounds 300 --seed 7`: kills a worker again and again and looks what it has
 * kept. A failed round can be played alone: `--rounds 1 --seed <its seed>`.
 */
import { parseArgs } from 'node:util'
import { MiB } from '../../src/lib/units.ts'
import { checkForgotten } from './checks.ts'
import type { Sizes } from './plan.ts'
import { runRound } from './round.ts'
import { createWorld, type World } from './world.ts'

/** A new world after so many rounds: the disk of the old one fills. */
const ROUNDS_PER_WORLD = 20
const SIZES: Sizes = {
  large: 16 * MiB,
  maxUploads: 4,
  maxKills: 2,
  bandwidths: [null, 16 * MiB, 4 * MiB],
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    verbose: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const firstSeed = Number(values.seed)
const failures: { seed: number; message: string }[] = []
let world: World | null = null
let played = 0

for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
  if (world === null) {
    world = await createWorld()
    world.start()
  }
  const message = await play(world, seed)
  played++
  if (message !== null) failures.push({ seed, message })
  if (message !== null || played % ROUNDS_PER_WORLD === 0 || played === rounds) {
    if (message === null) await forget(world, seed)
    await world.close()
    world = null
  }
}
console.log(`${played - failures.length} of ${played} rounds kept everything (seed ${firstSeed})`)
for (const { seed, message } of failures) console.log(`  seed ${seed}: ${message}`)
process.exit(failures.length > 0 ? 1 : 0)

async function forget(world: World, seed: number): Promise<void> {
  try {
    await checkForgotten(world)
  } catch (error) {
    failures.push({ seed, message: String(error) })
  }
}

/** What was not kept, or null. */
async function play(world: World, seed: number): Promise<string | null> {
  const startedAt = performance.now()
  try {
    const plan = await runRound(world, seed, SIZES)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const kills = plan.kills.map((kill) => JSON.stringify(kill)).join(' ')
    console.log(
      `seed ${seed}: ${plan.accountKind}, ${plan.uploads.length} uploads, ${seconds} s, ${kills}`,
    )
    return null
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.log(`seed ${seed}: FAILED: ${message}`)
    if (values.verbose) console.log(world.workerOutput())
    return message
  }
}
