import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { startBackend } from '../../test/helpers/peers/fake-backend.ts'
import { startEmulator } from '../harness/emulator.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { type Scope, withScope } from '../harness/scope.ts'
import { startBackendWorker } from '../harness/worker.ts'

export const title = 'A worker of a backend that has just started'

/** After this long nothing of the start is left to be done. */
const SETTLE_MS = 5000

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const backend = await startBackend(scope.onEnd)
  const seconds: number[] = []
  const megabytes: number[] = []
  for (let round = 0; round < scope.rounds + 2; round++) {
    await withScope(1, async (own) => {
      const worker = await startBackendWorker(own, emulator, backend.url)
      seconds.push(worker.firstAnswer)
      await wait(SETTLE_MS)
      megabytes.push(worker.usage().rss / MiB)
    })
  }
  return [
    {
      figure: 'from its start to the first answer',
      unit: 's',
      values: { worker: median(seconds) },
      rounds: { worker: seconds },
      goals: [{ atMost: 1 }],
    },
    {
      figure: 'memory when idle',
      unit: 'MB',
      values: { worker: median(megabytes) },
      rounds: { worker: megabytes },
      goals: [{ atMost: 95 }],
    },
  ]
}
