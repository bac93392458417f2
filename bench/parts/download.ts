import { MiB } from '../../src/lib/units.ts'
import { startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { enterPeers } from '../harness/peers.ts'
import { readBack } from '../harness/read-back.ts'
import { emulatorFigure, type Figure, figureOf } from '../harness/results.ts'
import { type Contestant, cpuPerMb, inRounds, speed } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { startWorker, WITHOUT_NATIVE, type WorkerProcess } from '../harness/worker.ts'

export const title = 'Out of Telegram: the worker through HTTP, the others without'

const FILE_BYTES = 256 * MiB
const READERS = 16
const READERS_FILE_BYTES = 32 * MiB
/** Before there was a native module, the worker took twice gotd's CPU (commit a1e6c1a, two runs). */
const CPU_BEFORE_NATIVE = 2

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const worker = await startWorker(scope, emulator)
  const without = await startWorker(scope, emulator, { env: WITHOUT_NATIVE })
  const [one = 0] = await postFiles(worker, [FILE_BYTES])
  const many = await postFiles(worker, Array(READERS).fill(READERS_FILE_BYTES))

  const single = new Map([
    ['worker', reading(worker, [one])],
    ['worker without native', reading(without, [one])],
  ])
  const command = { do: 'download', messageIds: [one] }
  await enterPeers(single, ['gotd', 'Telethon'], { scope, emulator, command })
  const { rounds } = scope
  const singles = await inRounds(single, { rounds, emulator })

  const together = new Map([
    ['worker', reading(worker, many)],
    ['worker without native', reading(without, many)],
  ])
  const all = { do: 'download', messageIds: many }
  await enterPeers(together, ['gotd'], { scope, emulator, command: all })
  const crowds = await inRounds(together, { rounds, emulator })

  return [
    figureOf(
      {
        figure: 'one reader: CPU',
        unit: 'ms/MB',
        goals: [
          { atMost: 0.9, times: 'gotd' },
          { of: 'worker without native', atMost: CPU_BEFORE_NATIVE, times: 'gotd' },
        ],
      },
      singles,
      cpuPerMb,
    ),
    figureOf(
      { figure: 'one reader', unit: 'MB/s', goals: [{ atLeast: 1.1, times: 'gotd' }] },
      singles,
      speed,
    ),
    emulatorFigure('one reader', singles),
    figureOf({ figure: '16 readers of different files: CPU', unit: 'ms/MB' }, crowds, cpuPerMb),
    figureOf(
      {
        figure: '16 readers of different files',
        unit: 'MB/s',
        goals: [{ atLeast: 1.5, times: 'gotd' }],
      },
      crowds,
      speed,
    ),
    emulatorFigure('16 readers', crowds),
  ]
}

function reading(worker: WorkerProcess, messageIds: number[]): Contestant {
  return {
    process: worker,
    run: async () => {
      const sizes = await Promise.all(messageIds.map((id) => readBack(worker, id)))
      return { bytes: sizes.reduce((sum, size) => sum + size, 0) }
    },
  }
}
