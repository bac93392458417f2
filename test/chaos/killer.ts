import { sleep } from '../../src/lib/waiting/sleep.ts'
import type { KillPlan } from './plan.ts'
import type { Events } from './uploader.ts'
import type { World } from './world.ts'

/** What is waited for may never come: then the kill comes after all. */
const LATEST_MS = 4_000

/** Resolves at the moment the plan names, or when `over` says that there is nothing left to kill. */
export async function whenToKill(
  world: World,
  plan: KillPlan,
  { events, over }: { events: Events; over: () => boolean },
): Promise<void> {
  if (plan.at === 'time' || plan.at === 'start') return sleep(plan.ms)
  const isTime = await watch(world, plan, events)
  for (const deadline = Date.now() + LATEST_MS; Date.now() < deadline && !over(); ) {
    if (await isTime()) break
    await sleep(3)
  }
  if (plan.at === 'call') await sleep(plan.ms)
}

async function watch(
  world: World,
  plan: Exclude<KillPlan, { at: 'time' | 'start' }>,
  events: Events,
): Promise<() => Promise<boolean>> {
  switch (plan.at) {
    case 'chunks':
      return async () => events.acknowledged >= plan.count
    case 'phase':
      return async () => events.phases.has(plan.phase)
    case 'webhook': {
      const before = (await world.webhooks()).length
      return async () => (await world.webhooks()).length > before
    }
    case 'call': {
      const before = await world.calls(plan.method)
      return async () => (await world.calls(plan.method)) - before >= plan.count
    }
  }
}
