import { MiB } from '../../src/lib/units.ts'
import { type EmulatorProcess, startEmulator } from '../harness/emulator.ts'
import { bigFile, obey, startPeer } from '../harness/peers.ts'
import type { Talker } from '../harness/processes.ts'
import { type Figure, figureOf } from '../harness/results.ts'
import { type Contestant, cpuPerMb, inRounds, type Runs, speed } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'

export const title = 'What the emulator can do at most'

const FILE_BYTES = 128 * MiB
/** Clients at once; with more, they take the cores from the emulator. */
const CLIENTS = 2

/** Several gotd at once against one emulator: the roof over the other parts' MB/s on this machine. */
export async function run(scope: Scope): Promise<Figure[]> {
  const emulator = await startEmulator(scope)
  const clients: Talker[] = []
  for (let count = 0; count < CLIENTS; count++) {
    const client = await startPeer(scope, emulator, 'gotd')
    if (!client) return []
    clients.push(client)
  }
  const [first] = clients
  const path = await bigFile(scope, FILE_BYTES)
  if (first) await obey(first, { do: 'upload', path })
  const { channelId } = emulator.account
  const [message] = (await emulator.control('GET', `/messages?channelId=${channelId}`)) as [
    { id: number },
  ]
  const ways = new Map([
    ['into Telegram', all(emulator, clients, { do: 'upload', path })],
    ['out of Telegram', all(emulator, clients, { do: 'download', messageIds: [message.id] })],
  ])
  const runs = await inRounds(ways, { rounds: scope.rounds, emulator })
  return [...runs].flatMap(([way, its]) => {
    const only: Runs = new Map([['emulator', its]])
    return [
      figureOf({ figure: `${way}, ${CLIENTS} gotd at once`, unit: 'MB/s' }, only, speed),
      figureOf({ figure: `${way}: CPU of the emulator`, unit: 'ms/MB' }, only, cpuPerMb),
      figureOf(
        { figure: `${way}: its main thread was busy`, unit: '%' },
        only,
        (run) => run.emulatorBusy * 100,
      ),
    ]
  })
}

function all(emulator: EmulatorProcess, clients: Talker[], command: object): Contestant {
  return {
    process: emulator,
    run: async () => {
      const done = await Promise.all(clients.map((client) => obey(client, command)))
      return { bytes: done.reduce((sum, { bytes }) => sum + bytes, 0) }
    },
  }
}
