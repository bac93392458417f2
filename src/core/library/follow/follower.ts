import { AppError } from '../../../errors.ts'
import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { isFloodWait } from '../../model/flood-wait.ts'
import { libraryKeyOf } from '../../model/library/posts.ts'
import type { Catalogue, LibraryChanges, LibraryKey, LibrarySync } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Log } from '../../ports/log.ts'
import type { FollowMetrics } from '../../ports/metrics.ts'
import { createJobQueue, type JobContext } from '../../runtime/job-queue.ts'
import {
  afterDifference,
  afterPage,
  afterPosition,
  forgetPosition,
  inSlices,
  isProgress,
  nextStep,
  type Step,
} from './plan.ts'

export interface FollowerOptions {
  catalogue: Pick<Catalogue, 'applyToLibrary' | 'librarySync' | 'newestInLibrary'>
  channel: Pick<ChannelGateway, 'reader' | 'position' | 'page' | 'difference'>
  /** Whether transfers are on their way, which go first. */
  isBusy: () => boolean
  metrics: FollowMetrics
  /** Called when a channel has been read to its end, and the rows agree with it. */
  onScanned?: (credentials: Credentials) => void
  /** Runs one look at a library while no other node looks at it; absent where there is no other node. */
  inTurn?: (
    name: string,
    signal: AbortSignal,
    look: (signal: AbortSignal) => Promise<void>,
  ) => Promise<void>
  /** Epoch milliseconds. */
  now: () => number
  log: Log
  /** Milliseconds between two requests of one look while it gives way. */
  paceMs?: number
}

/** Brings the rows of libraries into agreement with their channels, in the background. */
export interface Follower {
  /**
   * Called when a library is asked for. Looks for changes in its channel, or goes on with a rescan,
   * unless that has just been done or is being done. Does nothing where the channel's messages cannot
   * be seen.
   */
  look: (credentials: Credentials) => void
  /**
   * Begins to read the whole channel again; a rescan that is on its way goes on. After one that has
   * just ended it looks for changes only.
   */
  rescan: (credentials: Credentials) => void
  /** Whether the library is being brought into agreement now. */
  isLooking: (key: LibraryKey) => boolean
  /** Stops every look where it can go on later, and takes no more. Resolves when all have ended. */
  close: (reason: AppError) => Promise<void>
  reopen: () => void
}

/** Requests that all looks together make at once; each look makes one at a time. */
const REQUESTS_AT_ONCE = 4
/** Milliseconds from one look at a channel to the next. */
const LOOK_EVERY_MS = 60_000
/** The longest time for which a channel is left alone because Telegram wants it so. */
const LONGEST_QUIET_MS = 3_600_000
/** Milliseconds after a rescan within which there is no other one. */
const RESCAN_EVERY_MS = 10_000
/** For how long looks at a channel take their time once Telegram has asked for a wait. */
const SLOW_MS = 3_600_000
const MAX_REMEMBERED = 10_000
/** Changes that are written together: the rest of the worker stands still meanwhile. */
const SLICE = 200
/** Rescans in one look. More of them would mean that Telegram forgets faster than we read. */
const MAX_RESCANS = 1
const PACE_MS = 1_000
/** After a longer wait that Telegram asks for, the next look goes on. */
const LONGEST_WAIT_SECONDS = 60

interface Look {
  readonly key: LibraryKey
  readonly job: JobContext
  readonly call: ChannelCall
  sync: LibrarySync | null
  requests: number
  /** Rescans that it has begun. */
  rescans: number
  /** Whether it has read the channel to its end. */
  scanned: boolean
  changed: boolean
}

export function createFollower(options: FollowerOptions): Follower {
  const { catalogue, channel, isBusy, metrics, now, log, paceMs = PACE_MS } = options
  const { inTurn = (_name, signal, look) => look(signal) } = options
  const queue = createJobQueue({
    concurrency: REQUESTS_AT_ONCE,
    onError: (_key, err) => log.error({ err }, 'a look at a channel ended in a bug'),
  })
  const quiet = createTtlCache<true>({ maxEntries: MAX_REMEMBERED, now })
  const slow = createTtlCache<true>({ maxEntries: MAX_REMEMBERED, now })
  const rescanned = createTtlCache<true>({ maxEntries: MAX_REMEMBERED, now })
  /** What was asked for, and not begun yet. */
  const wanted = new Map<string, 'look' | 'rescan'>()

  function start(key: LibraryKey, credentials: Credentials): void {
    const name = nameOf(key)
    queue.start({ key: name, group: key.owner }, (job) =>
      inTurn(name, job.signal, (signal) => look(key, credentials, { ...job, signal })).catch(
        (error: unknown) => {
          // Stopped, it goes on with the next look.
          if (!job.signal.aborted) throw error
        },
      ),
    )
  }

  async function look(key: LibraryKey, credentials: Credentials, job: JobContext): Promise<void> {
    const { signal } = job
    const state: Look = {
      // It sits out waits itself, where it holds back no other look.
      ...{ key, job, call: { credentials, signal, patience: 0 } },
      ...{ sync: null, requests: 0, rescans: 0, scanned: false, changed: false },
    }
    try {
      state.sync = await catalogue.librarySync(key)
      const { sync } = state
      const isFresh = sync?.scan === null && (sync.lookedAt ?? 0) > now() - LOOK_EVERY_MS
      if (isFresh && !wanted.has(nameOf(key))) return
      const timeout = await follow(state)
      leaveAlone(key, timeout)
      const { requests, scanned, changed } = state
      if (scanned) {
        log.info({ requests }, 'a channel was read from end to end')
        rescanned.set(nameOf(key), true, RESCAN_EVERY_MS)
        options.onScanned?.(credentials)
      }
      metrics.looked(scanned ? 'rescanned' : changed ? 'changed' : 'current')
    } catch (error) {
      signal.throwIfAborted()
      leaveAlone(key, error instanceof AppError ? error.retryAfter : undefined)
      metrics.looked('failed')
      const { requests } = state
      const level = isFloodWait(error) ? 'info' : 'warn'
      log[level]({ err: error, requests }, 'a look at a channel failed; the next one goes on')
    }
  }

  /** Resolves with the seconds for which Telegram wants to be left alone, where it says so. */
  async function follow(state: Look): Promise<number | undefined> {
    for (;;) {
      await startRescanIfWanted(state)
      if (state.requests > 0) await giveWay(state)
      const step = nextStep(state.sync)
      if (step.kind === 'position' && state.rescans >= MAX_RESCANS) throw changesTooFast()
      const taken = await takeInTurn(step, state)
      if (taken === 'again') continue
      if (step.kind === 'position') state.rescans++
      // One that was asked for during a rescan is this one.
      if (step.kind !== 'difference') wanted.delete(nameOf(state.key))
      if (step.kind === 'page' && state.sync?.scan === null) state.scanned = true
      if (taken.final && !wanted.has(nameOf(state.key))) return taken.timeout ?? undefined
      if (!taken.final && !isProgress(step, nextStep(state.sync))) throw getsNowhere()
    }
  }

  /** One step when it is the look's turn; `again` after a wait that Telegram has asked for. */
  async function takeInTurn(step: Step, state: Look): Promise<Taken | 'again'> {
    const { key, job } = state
    state.requests++
    try {
      return await job.slot(async () => {
        const taken = await take(step, state)
        await write(state, taken.changes)
        return taken
      })
    } catch (error) {
      if (!isFloodWait(error)) throw error
      slow.set(nameOf(key), true, SLOW_MS)
      const { retryAfter = 1 } = error
      if (retryAfter > LONGEST_WAIT_SECONDS) throw error
      await sleep(retryAfter * 1000, job.signal)
      return 'again'
    }
  }

  async function startRescanIfWanted(state: Look): Promise<void> {
    const name = nameOf(state.key)
    const isWanted = wanted.get(name) === 'rescan' && nextStep(state.sync).kind !== 'page'
    wanted.delete(name)
    if (!isWanted) return
    state.rescans = 0
    await write(state, { sync: forgetPosition(state.sync) })
  }

  /** One request, and what its answer changes. */
  async function take(step: Step, { key, call, sync }: Look): Promise<Taken> {
    if (step.kind === 'position') {
      return { changes: afterPosition(sync, await channel.position(call)), final: false }
    }
    if (sync === null) throw new Error('a library without a position has nothing to go on with')
    if (step.kind === 'page') {
      // Asked first: what gets its row later may be too new for the page.
      const newestRow = await catalogue.newestInLibrary(key)
      const page = await channel.page(call, step.before)
      metrics.read(page.messages.length)
      return { changes: afterPage(sync, { page, newestRow }), final: false }
    }
    const difference = await channel.difference(call, step.pts)
    const changes = afterDifference(sync, difference, now())
    if (difference.kind === 'too-long') return { changes, final: false }
    const { messages, final, timeout } = difference
    metrics.read(messages.length)
    return { changes, final, timeout }
  }

  async function write(state: Look, changes: LibraryChanges): Promise<void> {
    for (const slice of inSlices(changes, SLICE)) {
      const { messageIds } = await catalogue.applyToLibrary(state.key, slice)
      state.changed ||= messageIds.length > 0
    }
    state.sync = changes.sync ?? state.sync
  }

  /** Transfers go first, and an account that was asked to wait is asked less. */
  async function giveWay({ key, call }: Look): Promise<void> {
    if (isBusy() || slow.get(nameOf(key))) await sleep(paceMs, call.signal)
    call.signal.throwIfAborted()
  }

  function leaveAlone(key: LibraryKey, seconds = 0): void {
    const ms = Math.min(Math.max(seconds * 1000, LOOK_EVERY_MS), LONGEST_QUIET_MS)
    quiet.set(nameOf(key), true, ms)
  }

  return {
    look: (credentials) => {
      const key = libraryKeyOf(credentials)
      if (channel.reader(credentials) === null || quiet.get(nameOf(key))) return
      start(key, credentials)
    },
    rescan: (credentials) => {
      const key = libraryKeyOf(credentials)
      if (channel.reader(credentials) === null) return
      wanted.set(nameOf(key), rescanned.get(nameOf(key)) ? 'look' : 'rescan')
      quiet.delete(nameOf(key))
      start(key, credentials)
    },
    isLooking: (key) => queue.has(nameOf(key)),
    close: queue.close,
    reopen: queue.reopen,
  }
}

interface Taken {
  changes: LibraryChanges
  /** Whether nothing is left to ask. */
  final: boolean
  timeout?: number | null
}

function getsNowhere(): AppError {
  return new AppError('TELEGRAM_UNAVAILABLE', 'Telegram answers without getting any further')
}

function changesTooFast(): AppError {
  const sentence = 'The channel changes faster than it can be read'
  return new AppError('TELEGRAM_UNAVAILABLE', sentence, { retryAfter: LOOK_EVERY_MS / 1000 })
}

function nameOf({ owner, channelId }: LibraryKey): string {
  return `${channelId} ${owner}`
}
