import { randomBytes } from 'node:crypto'
import { MiB } from '../../src/lib/units.ts'
import { startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import type { Figure } from '../harness/results.ts'
import type { Scope } from '../harness/scope.ts'
import { completed, sendFile } from '../harness/web-client.ts'
import { startWorker } from '../harness/worker.ts'

export const title = '20 files of 20 MB: FLOOD_WAIT_2 on 5 % of calls, connections cut every 5 s'

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const worker = await startWorker(scope, emulator)
  await postFiles(worker, [11 * MiB])
  const messages = async () => {
    const found = await emulator.control('GET', `/messages?channelId=${emulator.account.channelId}`)
    return Array.isArray(found) ? found.length : Number.NaN
  }
  const before = await messages()
  const effect = { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' }
  const rule = { method: '*', effect, probability: 0.05, seed: 7 }
  await emulator.control('POST', '/faults', rule)
  await emulator.control('POST', '/settings', { cutConnectionsEveryMs: 5000 })
  const block = randomBytes(5 * MiB)
  const startedAt = performance.now()
  const ends = await Promise.allSettled(
    Array.from({ length: 20 }, async (_, index) =>
      completed(worker, await sendFile(worker, { megabytes: 20, extraBytes: index, block })),
    ),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const failed = ends.filter((end) => end.status === 'rejected')
  for (const { reason } of failed) console.error(reason)
  const exactly = (figure: string, value: number): Figure => ({
    figure,
    unit: '',
    values: { worker: value },
    goals: [{ atLeast: 20, atMost: 20 }],
  })
  return [
    exactly('completed', 20 - failed.length),
    exactly('messages posted', (await messages()) - before),
    { figure: 'time', unit: 's', values: { worker: seconds } },
  ]
}
