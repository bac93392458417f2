import { MiB } from '../../src/lib/units.ts'
import { startEmulator } from '../harness/emulator.ts'
import { bigFile, enterPeers, startTransfer } from '../harness/peers.ts'
import { emulatorFigure, type Figure, figureOf } from '../harness/results.ts'
import { cpuPerMb, inRounds, speed } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { WITHOUT_NATIVE } from '../harness/worker.ts'

export const title = 'Into Telegram: a file of 256 MB on the disk, sent and posted'

const FILE_BYTES = 256 * MiB

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const contestants = new Map([
    ['worker', await startTransfer(scope, emulator, { bytes: FILE_BYTES })],
    [
      'worker without digests',
      await startTransfer(scope, emulator, { bytes: FILE_BYTES, digests: false }),
    ],
    [
      'worker without native',
      await startTransfer(scope, emulator, { bytes: FILE_BYTES, env: WITHOUT_NATIVE }),
    ],
  ])
  const command = { do: 'upload', path: await bigFile(scope, FILE_BYTES) }
  await enterPeers(contestants, ['gotd', 'Telethon'], { scope, emulator, command })
  const runs = await inRounds(contestants, { rounds: scope.rounds, emulator })
  return [
    figureOf(
      { figure: 'CPU', unit: 'ms/MB', goals: [{ atMost: 0.75, times: 'gotd' }] },
      runs,
      cpuPerMb,
    ),
    figureOf(
      { figure: 'throughput', unit: 'MB/s', goals: [{ atLeast: 1.5, times: 'gotd' }] },
      runs,
      speed,
    ),
    emulatorFigure('throughput', runs),
  ]
}
