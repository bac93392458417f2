import { setImmediate } from 'node:timers/promises'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { checkNothingLeft, checkUpload, settle } from './checks.ts'
import { whenToKill } from './killer.ts'
import { planRound, type RoundPlan, type Sizes } from './plan.ts'
import { createRandom } from './random.ts'
import { createUploader, type Events, type UploadOutcome } from './uploader.ts'
import { Violation, type World } from './world.ts'

/** For one round: far beyond what the slowest machine needs. */
const ROUND_MS = 180_000

/**
 * Some uploads, some kills, and then everything that the worker owes. Rejects with a Violation that
 * says what it did not keep.
 */
export async function runRound(world: World, seed: number, sizes: Sizes): Promise<RoundPlan> {
  const plan = planRound(seed, sizes)
  const stuck = new AbortController()
  const deadline = sleep(ROUND_MS, stuck.signal).then(() => {
    throw new Violation('the round does not end')
  })
  try {
    await Promise.race([play(world, plan), deadline])
  } finally {
    stuck.abort(new Error('over'))
    await deadline.catch(() => {})
    await world.clearFaults()
  }
  return plan
}

async function play(world: World, plan: RoundPlan): Promise<void> {
  const user = await world.addUser(`round-${plan.seed}`, plan.accountKind)
  await world.telegram('/settings', plan.settings)
  for (const { method, ms } of plan.late) {
    await world.telegram('/faults', { method, effect: { kind: 'latency', ms } })
  }
  await world.ready()
  const events: Events = { acknowledged: 0, phases: new Set() }
  let over = false
  const uploading = Promise.all(
    plan.uploads.map((upload, index) => {
      const random = createRandom(plan.seed * 31 + index)
      return createUploader(world, upload, { token: user.token, random, events }).run()
    }),
  ).finally(() => {
    over = true
  })
  uploading.catch(() => {})
  await killAll(world, plan, events, () => over)
  const all: UploadOutcome[] = await uploading
  await world.ready()
  await settle(world)
  await setImmediate()
  for (const outcome of all) {
    await checkUpload(world, outcome, {
      ...user,
      accountKind: plan.accountKind,
      kills: plan.kills.length,
    })
  }
  await checkNothingLeft(world)
  if ((await world.keysKilled()) > 0) throw new Violation('a session was killed')
}

async function killAll(
  world: World,
  plan: RoundPlan,
  events: Events,
  over: () => boolean,
): Promise<void> {
  for (const kill of plan.kills) {
    if (kill.at !== 'start') await world.ready()
    await whenToKill(world, kill, { events, over })
    await world.kill()
    await sleep(plan.pauseMs)
    world.start()
  }
}
