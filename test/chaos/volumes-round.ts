import { KiB, MiB } from '../../src/lib/units.ts'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import type { AccountKind } from '../helpers/peers/peer-processes.ts'
import { checkNothingLeft, settle } from './checks.ts'
import type { UploadPlan } from './plan.ts'
import { createRandom, type Random } from './random.ts'
import { createUploader, type Events, type UploadOutcome } from './uploader.ts'
import { checkCancelled, checkChannel, checkDownload, checkLedger } from './volumes-checks.ts'
import { Violation, type World } from './world.ts'

/** For one round: far beyond what the slowest machine needs. */
const ROUND_MS = 180_000
/** What is waited for may never come: then the kill comes after all. */
const LATEST_MS = 8_000

/** What is going on when the worker dies. */
export const PHASES = ['sending', 'posting', 'manifest', 'freeing', 'deleting'] as const
export type Phase = (typeof PHASES)[number]

export interface VolumesPlan {
  seed: number
  phase: Phase
  accountKind: AccountKind
  upload: UploadPlan
  volumeBytes: number
  spoolBytes: number
  /** How late Telegram is with the answers to posts and deletions: wider windows to be killed in. */
  lateMs: number
  kills: readonly VolumesKill[]
}

interface VolumesKill {
  /** How many calls, posted volumes or deletions are waited for. */
  count: number
  /** Milliseconds from then on. */
  ms: number
}

/**
 * One file that goes as volumes, and one or two deaths of the worker in one phase of it; then the
 * channel alone has to hold the file, or after a cancel nothing. Rejects with a Violation.
 */
export async function runVolumesRound(
  world: World,
  seed: number,
  phase: Phase,
): Promise<VolumesPlan> {
  const plan = planRound(seed, phase)
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

function planRound(seed: number, phase: Phase): VolumesPlan {
  const random = createRandom(seed * 5 + PHASES.indexOf(phase))
  const accountKind = random.pick<AccountKind>(['user', 'both', 'bot', 'bot alone'])
  // Above 10 MB a volume goes by other calls, and its parts are sent before it is whole.
  const isLarge = accountKind !== 'bot alone' && random.chance(0.2)
  const volumeBytes = isLarge ? 11 * MiB : MiB
  const volumes = random.whole(isLarge ? 4 : 5, isLarge ? 5 : 8)
  const size = (volumes - 1) * volumeBytes + random.whole(1, volumeBytes)
  const chunkSize = isLarge ? random.whole(MiB, 2 * MiB) : random.whole(100 * KiB, 400 * KiB)
  const lateMs = random.pick([0, 50, 250])
  return {
    seed,
    phase,
    accountKind,
    upload: {
      name: `${phase}-${seed}.bin`,
      way: 'chunks',
      size,
      chunkSize,
      parallel: random.pick([1, 3, 8]),
      shuffled: false,
      again: random.pick([0, 0.2]),
      opensFirst: random.chance(0.5),
      // Once chunks beyond the first window are acknowledged, a volume is posted.
      cancelAfter:
        phase === 'deleting'
          ? Math.ceil((random.whole(3, volumes - (isLarge ? 0 : 1)) * volumeBytes) / chunkSize)
          : null,
    },
    volumeBytes,
    // A window of two and a half volumes, or of two and two chunks.
    spoolBytes: 2.5 * volumeBytes + 2 * chunkSize,
    lateMs,
    kills: Array.from({ length: random.pick([1, 1, 2]) }, () =>
      planKill(random, phase, {
        volumes,
        lateMs,
      }),
    ),
  }
}

function planKill(
  random: Random,
  phase: Phase,
  { volumes, lateMs }: { volumes: number; lateMs: number },
): VolumesKill {
  switch (phase) {
    case 'sending':
      return { count: random.whole(1, 2 * volumes), ms: random.pick([0, 5, 30]) }
    case 'posting':
      return { count: random.whole(1, volumes + 1), ms: random.whole(0, lateMs + 30) }
    case 'manifest':
      return { count: volumes, ms: random.whole(0, 2 * lateMs + 60) }
    case 'freeing':
      return { count: random.whole(1, volumes), ms: random.whole(0, 8) }
    case 'deleting':
      return { count: 1, ms: random.whole(0, lateMs + 100) }
  }
}

async function play(world: World, plan: VolumesPlan): Promise<void> {
  const { accountKind, upload } = plan
  const user = await world.addUser(`volumes-${plan.phase}-${plan.seed}`, accountKind)
  for (const method of POSTS.concat(DELETIONS)) {
    await world.telegram('/faults', { method, effect: { kind: 'latency', ms: plan.lateMs } })
  }
  await world.kill()
  world.start({
    VOLUME_BYTES: String(plan.volumeBytes),
    SPOOL_MAX_BYTES: String(plan.spoolBytes),
    MAX_BYTES_PER_USER: String(plan.spoolBytes),
  })
  await world.ready()
  const events: Events = { acknowledged: 0, phases: new Set() }
  let over = false
  const random = createRandom(plan.seed * 31)
  const uploading = createUploader(world, upload, { token: user.token, random, events })
    .run()
    .finally(() => {
      over = true
    })
  uploading.catch(() => {})
  for (const kill of plan.kills) {
    await world.ready()
    await whenToKill(world, plan, { kill, over: () => over })
    await world.kill()
    world.start()
  }
  const outcome: UploadOutcome = await uploading
  await world.ready()
  await settle(world)
  // A bot alone cannot look whether a lost answer meant a message.
  const doubtful = accountKind === 'bot alone' ? plan.kills.length : 0
  if (outcome.cancelled) await checkCancelled(world, { ...user, outcome, doubtful })
  else {
    await checkChannel(world, { ...user, outcome, volumeBytes: plan.volumeBytes, doubtful })
    await checkDownload(world, { ...user, outcome })
  }
  await checkNothingLeft(world)
  await checkLedger(world)
  if ((await world.keysKilled()) > 0) throw new Violation('a session was killed')
}

const PARTS = ['upload.saveFilePart', 'upload.saveBigFilePart', 'bot:sendDocument']
const POSTS = ['messages.sendMedia', 'bot:sendDocument']
const DELETIONS = ['channels.deleteMessages', 'bot:deleteMessages', 'bot:deleteMessage']

/** Resolves at the moment that the plan names, or when there is nothing left to kill. */
async function whenToKill(
  world: World,
  { phase, upload }: VolumesPlan,
  { kill, over }: { kill: VolumesKill; over: () => boolean },
): Promise<void> {
  const callsTo = async (methods: readonly string[]): Promise<number> => {
    const counts = await Promise.all(methods.map(world.calls))
    return counts.reduce((sum, count) => sum + count, 0)
  }
  const watches: Record<Phase, () => Promise<number>> = {
    sending: () => callsTo(PARTS),
    posting: () => callsTo(POSTS),
    manifest: async () => postedVolumes(world, upload.name),
    freeing: async () => postedVolumes(world, upload.name),
    deleting: () => callsTo(DELETIONS),
  }
  const isAbsolute = phase === 'manifest' || phase === 'freeing'
  const before = isAbsolute ? 0 : await watches[phase]()
  // After its cancel an upload is over for its client, and its posts are not deleted yet.
  const isOver = (): boolean => over() && phase !== 'deleting'
  for (const deadline = Date.now() + LATEST_MS; Date.now() < deadline && !isOver(); ) {
    if ((await watches[phase]()) - before >= kill.count) break
    await sleep(3)
  }
  await sleep(kill.ms)
}

function postedVolumes(world: World, name: string): number {
  return world.ledger((database) =>
    Number(
      database.prepare('SELECT max(posted_volumes) AS n FROM uploads WHERE file_name = ?').get(name)
        ?.n ?? 0,
    ),
  )
}
