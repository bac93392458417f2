import { KiB, MiB } from '../../../src/lib/units.ts'
import type { AccountKind } from '../../helpers/peers/peer-processes.ts'
import { createRandom, type Random } from '../random.ts'
import type { Way } from './history.ts'

export interface FilePlan {
  file: string
  way: Way
  size: number
  /** Of chunks, and the most that a request of tus has. */
  chunkSize: number
  /** Requests on their way at once. */
  parallel: number
  /** Cancels after about so many chunks; null: never. */
  cancelAfter: number | null
  /** Of this client's own choices. */
  seed: number
}

export type Fault =
  /** Killed, and started again after `ms`. */
  | 'kill'
  /** Told to end, and started again. */
  | 'stop'
  /** Stands still for `ms`. */
  | 'freeze'
  /** For `ms` the node reaches one of these not at all, or nothing comes through. */
  | `${'no' | 'silent'} ${'postgres' | 's3' | 'telegram' | 'peers'}`
  /** The server itself dies and comes back. */
  | 'postgres restarts'
  | 's3 restarts'

export interface FaultPlan {
  fault: Fault
  /** The node; `carrier`: the one that has moved most bytes to or from Telegram of late. */
  node: number | 'carrier'
  at: number | { method: string; count: number }
  ms: number
}

export interface UserPlan {
  accountKind: AccountKind
  files: FilePlan[]
}

export interface RoundPlan {
  seed: number
  users: UserPlan[]
  faults: FaultPlan[]
  settings: { bandwidthPerConnection: number | null }
}

export interface Scale {
  nodes: number
  /** Of most large files, bytes. */
  large: number
  maxFaults: number
  /** Milliseconds for which a node stands still, or is cut off, at the most. */
  longest: number
}

export function planRound(seed: number, scale: Scale): RoundPlan {
  const random = createRandom(seed)
  const users = Array.from({ length: random.whole(1, 3) }, (_, user) => ({
    accountKind: random.pick<AccountKind>(['user', 'user', 'both', 'bot']),
    files: Array.from({ length: random.whole(1, 3) }, (_, index) =>
      planFile(random, `${seed}-${user}-${index}.bin`, scale.large),
    ),
  }))
  return {
    seed,
    users,
    faults: Array.from({ length: random.whole(1, scale.maxFaults) }, () =>
      planFault(random, scale),
    ),
    settings: { bandwidthPerConnection: random.pick([null, 4 * MiB, 2 * MiB, MiB]) },
  }
}

export function planFile(random: Random, file: string, large: number): FilePlan {
  const size = random.pick([
    () => random.whole(1, 200 * KiB),
    () => random.whole(500 * KiB, 3 * MiB),
    () => random.whole(10 * MiB + 1, large),
    () => random.whole(10 * MiB + 1, large),
  ])()
  const way = random.pick<Way>([
    'chunks',
    'chunks',
    'tus',
    'tus',
    'tus parallel',
    'client',
    'whole',
  ])
  const chunkSize = Math.max(1, Math.min(size, random.whole(Math.ceil(size / 10), 4 * MiB)))
  const canCancel = way === 'chunks' || way === 'tus' || way === 'client'
  return {
    file,
    way: way === 'whole' && size > 4 * MiB ? 'chunks' : way,
    size,
    chunkSize,
    parallel: random.whole(1, 3),
    cancelAfter:
      canCancel && random.chance(0.12) ? random.whole(1, Math.ceil(size / chunkSize)) : null,
    seed: random.whole(0, 2 ** 31),
  }
}

const METHODS = [
  'upload.saveBigFilePart',
  'upload.saveBigFilePart',
  'messages.uploadMedia',
  'messages.sendMedia',
  'messages.sendMedia',
] as const

export function planFault(random: Random, { nodes, longest }: Scale): FaultPlan {
  const method = random.pick(METHODS)
  const count = method.startsWith('upload.') ? random.whole(1, 20) : 1
  return {
    fault: random.pick<Fault>([
      ...(['kill', 'kill', 'kill', 'stop', 'freeze', 'freeze', 'freeze'] as const),
      ...(['no postgres', 'silent postgres', 'no s3', 'silent s3'] as const),
      ...(['no telegram', 'silent telegram', 'no peers', 'silent peers'] as const),
      ...(['postgres restarts', 's3 restarts'] as const),
    ]),
    node: random.chance(0.6) ? 'carrier' : random.whole(0, nodes - 1),
    at: random.chance(0.5) ? random.whole(0, 4_000) : { method, count },
    ms: random.pick([
      () => random.whole(0, 1_000),
      () => random.whole(1_000, 8_000),
      () => random.whole(Math.min(8_000, longest), longest),
    ])(),
  }
}
