/**
 * `npm run chaos:volumes -- --rounds 100 --seed 7`: kills a worker while a file goes as volumes, so
 * many rounds for each phase (sending a volume, posting it, posting the manifest, freeing chunks,
 * deleting after a cancel), and looks whether the channel alone holds the file once, or nothing. A
 * failed round can be played alone: `--rounds 1 --phase <its phase> --seed <its seed>`.
 */
import { parseArgs } from 'node:util'
import { PHASES, runVolumesRound } from './volumes-round.ts'
import { createWorld, type World } from './world.ts'

/** A new world after so many rounds. */
const ROUNDS_PER_WORLD = 25

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    phase: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const firstSeed = Number(values.seed)
const phases = PHASES.filter((phase) => values.phase === undefined || phase === values.phase)
const failures: string[] = []
let world: World | null = null

for (const phase of phases) {
  let failed = 0
  for (let played = 0; played < rounds; played++) {
    if (world === null) {
      world = await createWorld()
      world.start()
    }
    const seed = firstSeed + played
    const message = await play(world, seed, phase)
    if (message !== null) failures.push(`${phase}, seed ${seed}: ${message}`)
    if (message !== null) failed++
    if (message !== null || (played + 1) % ROUNDS_PER_WORLD === 0 || played + 1 === rounds) {
      await world.close()
      world = null
    }
  }
  console.log(
    `${phase}: ${rounds - failed} of ${rounds} rounds kept everything (seed ${firstSeed})`,
  )
}
for (const failure of failures) console.log(`  ${failure}`)
process.exit(failures.length > 0 ? 1 : 0)

/** What was not kept, or null. */
async function play(world: World, seed: number, phase: (typeof PHASES)[number]) {
  const startedAt = performance.now()
  try {
    const { accountKind, kills, upload } = await runVolumesRound(world, seed, phase)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    const killed = kills.map(({ count, ms }) => `${count} + ${ms} ms`).join(', ')
    console.log(
      `${phase}, seed ${seed}: ${accountKind}, ${upload.size} bytes, killed at ${killed}, ${seconds} s`,
    )
    return null
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.log(`${phase}, seed ${seed}: FAILED: ${message}`)
    if (values.verbose) console.log(world.workerOutput())
    return message
  }
}
