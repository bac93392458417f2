import { onTestFinished, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { checkForgotten } from '../chaos/checks.ts'
import type { Sizes } from '../chaos/plan.ts'
import { runRound } from '../chaos/round.ts'
import { createWorld, type Witness } from '../chaos/world.ts'
import { registerAnswer, registerEnvironment } from '../secrets/register.ts'
import { registerSecret, trace, traceTest } from '../secrets/trace.ts'

/** `CHAOS_SEED=7 npx vitest run test/faults/crash` plays other rounds; `npm run chaos` plays hundreds. */
const FIRST_SEED = Number(process.env.CHAOS_SEED ?? 20)
const ROUNDS = 12
const SIZES: Sizes = {
  large: 10.5 * MiB,
  maxUploads: 2,
  maxKills: 1,
  bandwidths: [null, 16 * MiB],
}

/** What the worker says between its deaths is searched for secrets as well. */
const hunter: Witness = {
  environment: registerEnvironment,
  output: trace,
  login: (token, answer) => {
    registerSecret('login token', token)
    registerAnswer(answer)
  },
}

test('a worker that is killed at any moment, again and again, keeps what it promised', async () => {
  traceTest()
  const world = await createWorld(hunter)
  onTestFinished(world.close)
  world.start()

  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
    await runRound(world, seed, SIZES).catch((error: unknown) => {
      throw new Error(`CHAOS_SEED=${seed}: ${error}\n${world.workerOutput().slice(-4000)}`)
    })
  }
  await checkForgotten(world)
}, 300_000)
