import { MiB } from '../../src/lib/units.ts'
import { FAR, startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { bigFile, enterPeers, startTransfer } from '../harness/peers.ts'
import { readBack } from '../harness/read-back.ts'
import { type Figure, figureOf } from '../harness/results.ts'
import { type Contestant, inRounds, speed } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { startWorker } from '../harness/worker.ts'

export const title = 'At 100 ms round trip and 8 MB/s a connection'

const FILE_BYTES = 128 * MiB
const PEERS = ['gotd', 'gramjs'] as const
const GOALS = [
  { atLeast: 4, times: 'gramjs' },
  { atLeast: 1, times: 'gotd' },
]

export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const worker = await startWorker(scope, emulator)
  const [messageId = 0] = await postFiles(worker, [FILE_BYTES])
  const up = new Map([['worker', await startTransfer(scope, emulator, { bytes: FILE_BYTES })]])
  const down = new Map<string, Contestant>([
    [
      'worker',
      { process: worker, run: async () => ({ bytes: await readBack(worker, messageId) }) },
    ],
  ])
  const upload = { do: 'upload', path: await bigFile(scope, FILE_BYTES) }
  await enterPeers(up, PEERS, { scope, emulator, command: upload })
  const download = { do: 'download', messageIds: [messageId] }
  await enterPeers(down, PEERS, { scope, emulator, command: download })
  await emulator.control('POST', '/settings', FAR)
  const { rounds } = scope
  const ups = await inRounds(up, { rounds, emulator })
  const downs = await inRounds(down, { rounds, emulator })
  return [
    figureOf({ figure: 'into Telegram', unit: 'MB/s', goals: GOALS }, ups, speed),
    figureOf({ figure: 'out of Telegram', unit: 'MB/s', goals: GOALS }, downs, speed),
  ]
}
