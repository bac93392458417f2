import { KiB, MiB } from '../../src/lib/units.ts'
import type { AccountKind } from '../helpers/peers/peer-processes.ts'
import { createRandom, type Random } from './random.ts'

/** One file of a round, and how its client behaves. */
export interface UploadPlan {
  name: string
  way: 'whole' | 'chunks'
  size: number
  chunkSize: number
  /** Chunks on their way at once. */
  parallel: number
  shuffled: boolean
  /** The share of chunks that are sent again although they were acknowledged. */
  again: number
  opensFirst: boolean
  /** Cancels after so many acknowledged chunks; null: never. */
  cancelAfter: number | null
}

/** When the worker is killed. */
export type KillPlan =
  | { at: 'time'; ms: number }
  /** So many milliseconds after its process was started. */
  | { at: 'start'; ms: number }
  | { at: 'chunks'; count: number }
  /** When Telegram has been asked this so many times since the round began. */
  | { at: 'call'; method: string; count: number; ms: number }
  | { at: 'phase'; phase: string }
  | { at: 'webhook' }

export interface RoundPlan {
  seed: number
  accountKind: AccountKind
  uploads: UploadPlan[]
  kills: KillPlan[]
  /** How long it lies dead, in milliseconds. */
  pauseMs: number
  /** Telegram's speed, and what it is late with: wider windows to be killed in. */
  settings: { bandwidthPerConnection: number | null; botApiUploadLimit: number }
  late: { method: string; ms: number }[]
}

export interface Sizes {
  /** Of most large files. */
  large: number
  maxUploads: number
  maxKills: 1 | 2
  /** Bytes per second of each connection to Telegram; null: no limit. */
  bandwidths: readonly [number | null, ...(number | null)[]]
}

export function planRound(
  seed: number,
  { large, maxUploads, maxKills, bandwidths }: Sizes,
): RoundPlan {
  const random = createRandom(seed)
  const accountKind = random.pick<AccountKind>(['user', 'user', 'both', 'bot'])
  const count = random.whole(1, maxUploads)
  const uploads = Array.from({ length: count }, (_, index) =>
    planUpload(random, `${seed}-${index}.bin`, large),
  )
  return {
    seed,
    accountKind,
    uploads,
    kills: Array.from({ length: Math.min(maxKills, random.pick([1, 1, 2])) }, (_, index) =>
      planKill(random, index),
    ),
    pauseMs: random.pick([0, 0, 100]),
    settings: {
      bandwidthPerConnection: random.pick(bandwidths),
      // Below the size of the large ones: Telegram sends a bot's file back to the other road.
      botApiUploadLimit: random.pick([50 * MiB, 8 * MiB]),
    },
    late: ['messages.uploadMedia', 'messages.sendMedia', 'bot:sendDocument']
      .filter(() => random.chance(0.5))
      .map((method) => ({ method, ms: random.whole(50, 400) })),
  }
}

function planUpload(random: Random, name: string, large: number): UploadPlan {
  const size = random.pick([
    () => random.whole(1, 200 * KiB),
    () => random.whole(500 * KiB, 3 * MiB),
    () => random.whole(10 * MiB + 1, large),
    () => random.whole(10 * MiB + 1, large),
  ])()
  const whole = size < 4 * MiB && random.chance(0.3)
  const chunkSize = Math.max(1, Math.min(size, random.whole(Math.ceil(size / 12), 4 * MiB)))
  const chunks = Math.ceil(size / chunkSize)
  return {
    name,
    way: whole ? 'whole' : 'chunks',
    size,
    chunkSize,
    parallel: random.whole(1, 3),
    shuffled: random.chance(0.6),
    again: random.pick([0, 0.2]),
    opensFirst: random.chance(0.4),
    cancelAfter: !whole && random.chance(0.1) ? random.whole(1, chunks) : null,
  }
}

function planKill(random: Random, index: number): KillPlan {
  // The second one comes soon after a start.
  if (index > 0 && random.chance(0.5)) return { at: 'start', ms: random.whole(0, 1500) }
  const method = random.pick([
    'upload.saveBigFilePart',
    'upload.saveBigFilePart',
    'upload.saveFilePart',
    'messages.uploadMedia',
    'messages.sendMedia',
    'messages.sendMedia',
    'bot:sendDocument',
  ])
  const many = method.startsWith('upload.') ? 20 : 1
  return random.pick<() => KillPlan>([
    () => ({ at: 'time', ms: random.whole(0, 1500) }),
    () => ({ at: 'chunks', count: random.whole(1, 8) }),
    () => ({ at: 'call', method, count: random.whole(1, many), ms: random.pick([0, 0, 20, 100]) }),
    () => ({ at: 'call', method, count: random.whole(1, many), ms: 0 }),
    () => ({ at: 'phase', phase: random.pick(['queued', 'sending', 'posting', 'completed']) }),
    () => ({ at: 'webhook' }),
  ])()
}
