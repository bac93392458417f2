/**
 * `npm run chaos:library -- --rounds 200 --seed 7`: kills a worker while it deletes, renames, moves,
 * copies, uploads and reads again, and looks whether library and channel agree after that. A failed
 * round can be played alone: `--rounds 1 --seed <its seed>`; `--kind copy` makes only such changes.
 */
import { parseArgs } from 'node:util'
import { KINDS, runLibraryRound } from './library-round.ts'
import { createWorld, type World } from './world.ts'

/** A new world after so many rounds. */
const ROUNDS_PER_WORLD = 25

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kind: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const firstSeed = Number(values.seed)
const only = KINDS.find((kind) => kind === values.kind)
const failures: string[] = []
let world: World | null = null

for (let played = 0; played < rounds; played++) {
  if (world === null) {
    world = await createWorld()
    world.start()
  }
  const message = await play(world, firstSeed + played)
  if (message !== null) failures.push(`seed ${firstSeed + played}: ${message}`)
  if (message !== null || (played + 1) % ROUNDS_PER_WORLD === 0 || played + 1 === rounds) {
    await world.close()
    world = null
  }
}
console.log(`${rounds - failures.length} of ${rounds} rounds lost nothing (seed ${firstSeed})`)
for (const failure of failures) console.log(`  ${failure}`)
process.exit(failures.length > 0 ? 1 : 0)

/** What was not kept, or null. */
async function play(world: World, seed: number): Promise<string | null> {
  const startedAt = performance.now()
  try {
    const { accountKind, kind, killedAfterMs } = await runLibraryRound(world, seed, only)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(
      `seed ${seed}: ${accountKind}, ${kind}, killed after ${killedAfterMs} ms, ${seconds} s`,
    )
    return null
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    console.log(`seed ${seed}: FAILED: ${message}`)
    if (values.verbose) console.log(world.workerOutput())
    return message
  }
}
