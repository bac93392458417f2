import { shuttingDown } from '../../errors.ts'
import { VISIT_MS } from '../model/share-format.ts'
import { isAbandonedWhole } from '../model/upload.ts'
import type { MaintainedLedger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Spool, UploadFolders } from '../ports/spool.ts'
import { expiryOf, hasBytes } from '../uploads/expiry.ts'

/** How long a finished upload's result stays readable. */
export const KEEP_FINISHED_MS = 3_600_000

/** How long a share that has ended is listed for its owner. */
const KEEP_ENDED_SHARES_MS = 30 * 24 * 3_600_000

/** How the nodes of a cluster sweep what they share. Each node sweeps its own disk. */
export interface ClusterSweep {
  /** Whether this node sweeps it: one at a time does. */
  isMyTurn: () => Promise<boolean>
  /** Removes what the spool has and no row names; resolves with how many objects. */
  removeStrays: (signal: AbortSignal) => Promise<number>
  /** Completes streams that a node has left with all their bytes, and removes those that no client knows. */
  resumeStreams: () => Promise<void>
}

/** The whole spool is listed for it. */
const STRAYS_EVERY_MS = 3_600_000
/** A fraction of the time without progress after which an upload is given up. */
const KEPT_ALIVE_EVERY = 4

export interface SweeperOptions {
  ledger: MaintainedLedger
  spool: Pick<Spool, 'partialBytes' | 'removeTemporary'>
  /** Null where the spool is the cluster's. */
  folders: UploadFolders | null
  /** Null: this worker is alone. */
  cluster: ClusterSweep | null
  /** An upload that still receives is given up after this long without progress. */
  sessionTtlMs: number
  /** How long a finished upload's result stays readable. */
  keepFinishedMs?: number
  /** The worker's time. */
  now: () => number
  /** Whether a request or a job works on the upload at this moment: it is left alone. */
  isActive: (uploadId: string) => boolean
  /**
   * Removes an upload without progress since `touchedAt`: its row and its bytes. False when it has
   * made some since. Called inside `exclusively`.
   */
  expire: (uploadId: string, touchedAt: number) => Promise<boolean>
  /** Runs `work` while no other caller opens or changes that upload. */
  exclusively?: <T>(uploadId: string, work: () => Promise<T>) => Promise<T>
  /** Keeps what time it is, for the next start. */
  keepTime?: () => Promise<void>
  log: Log
}

/** How many of each were cleared away. */
export interface SweepReport {
  expired: number
  /** Rows of finished uploads. */
  forgotten: number
  /** Folders that no unfinished upload owns. */
  folders: number
  /** Objects in a cluster's spool that no row names. */
  strays: number
  /** Steps that failed; each was logged, and the next sweep tries again. */
  failures: number
}

export interface Sweeper {
  /** Sweeps once; a call during a sweep shares it. Never rejects. */
  run: () => Promise<SweepReport>
  /** Sweeps now and every `intervalMs`, without keeping the process alive. */
  start: (intervalMs: number) => void
  /** Ends `start`; resolves when no sweep runs any more. */
  stop: () => Promise<void>
}

/**
 * Clears away what is not needed any more: uploads without progress, results past their hour,
 * folders and temporary files without an owner. An upload's row is written before its folder, so
 * a folder without a row is an orphan.
 *
 * In a cluster one node at a time does it, and the others keep alive what they work on.
 */
export function createSweeper(options: SweeperOptions): Sweeper {
  let running: Promise<SweepReport> | null = null
  let timer: NodeJS.Timeout | null = null
  let straysAt = Number.NEGATIVE_INFINITY
  const stopping = new AbortController()

  function run(isFirst = false): Promise<SweepReport> {
    running ??= sweep(options, { isFirst, removeStrays }).finally(() => {
      running = null
    })
    return running
  }

  async function removeStrays({ removeStrays: remove }: ClusterSweep): Promise<number> {
    const now = options.now()
    if (now - straysAt < STRAYS_EVERY_MS) return 0
    const removed = await remove(stopping.signal)
    straysAt = now
    return removed
  }

  return {
    run: () => run(),
    start: (intervalMs) => {
      if (timer !== null) return
      timer = setInterval(() => void run(), intervalMs).unref()
      void run(true)
    },
    stop: async () => {
      if (timer !== null) clearInterval(timer)
      timer = null
      stopping.abort(shuttingDown())
      await running
    },
  }
}

type Work = (options: SweeperOptions, uploadId: string) => Promise<boolean>

interface SweepHow {
  isFirst: boolean
  removeStrays: (cluster: ClusterSweep) => Promise<number>
}

async function sweep(
  options: SweeperOptions,
  { isFirst, removeStrays }: SweepHow,
): Promise<SweepReport> {
  const { ledger, spool, folders, cluster, log, exclusively = (_id, work) => work() } = options
  let failures = 0

  /** Counts the ids for which `work` did something; one that fails does not stop the others. */
  async function each(ids: () => Promise<string[]> | string[], work: Work): Promise<number> {
    let done = 0
    const found = await attempt(async () => ids())
    for (const id of found ?? []) {
      // `work` looks again: between the list and the lock the upload may have changed.
      if (await attempt(() => exclusively(id, () => work(options, id)))) done++
    }
    return done
  }
  async function attempt<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      failures++
      log.warn({ err: error }, 'a step of the sweep failed')
      return null
    }
  }

  /** What is in the ledger, which all nodes of a cluster share. */
  async function sweepRows(): Promise<Pick<SweepReport, 'expired' | 'forgotten'>> {
    const expired = await each(() => receivingIds(options), expire)
    const forgotten = await each(() => finished(options), forget)
    await attempt(async () => ledger.deleteExpiredTicketTokens(options.now()))
    await attempt(async () => ledger.deleteExpiredArchives(options.now()))
    await attempt(async () => {
      const now = options.now()
      await ledger.forgetShares({ visits: now - VISIT_MS, ended: now - KEEP_ENDED_SHARES_MS })
    })
    await attempt(async () => {
      const { keepFinishedMs = KEEP_FINISHED_MS } = options
      await ledger.forgetLibraryJobs(options.now() - keepFinishedMs)
    })
    return { expired, forgotten }
  }

  const isMyTurn = cluster ? await attempt(cluster.isMyTurn) : true
  if (cluster) await each(() => receivingIds(options), keepAlive)
  if (cluster && isMyTurn) await attempt(cluster.resumeStreams)
  const rows = isMyTurn ? await sweepRows() : { expired: 0, forgotten: 0 }
  const orphans = folders ? await each(folders.uploadIds, removeOrphanIn(folders)) : 0
  await attempt(spool.removeTemporary)
  await attempt(async () => options.keepTime?.())
  // It takes a thread, when a small machine has its hands full with the start and nothing is written.
  if (!isFirst) await attempt(async () => ledger.checkpoint())
  // The longest step is the last one.
  const strays = cluster && isMyTurn ? await attempt(() => removeStrays(cluster)) : 0
  return { ...rows, folders: orphans, strays: strays ?? 0, failures }
}

/**
 * Another node that sweeps does not know what this one works on. By the row an upload makes progress that
 * waits here for Telegram, or for its turn.
 */
async function keepAlive(options: SweeperOptions, id: string): Promise<boolean> {
  const { ledger, sessionTtlMs, isActive } = options
  if (!isActive(id)) return false
  const upload = await ledger.findUpload(id)
  const now = options.now()
  if (upload === null || upload.touchedAt > now - sessionTtlMs / KEPT_ALIVE_EVERY) return false
  await ledger.touchUpload(id, now)
  return true
}

async function receivingIds({ ledger }: SweeperOptions): Promise<string[]> {
  return (await ledger.uploadsInState('receiving')).map(({ id }) => id)
}

async function expire(options: SweeperOptions, id: string): Promise<boolean> {
  const { ledger, isActive } = options
  const now = options.now()
  const upload = await ledger.findUpload(id)
  if (upload?.state !== 'receiving' || isActive(id)) return false
  // The clock was set back. From the future an upload would never expire.
  if (upload.touchedAt > now) await ledger.touchUpload(id, now)
  // What is left of a whole file's one request, by a node that died in it, nobody comes back to.
  const isWanted = !isAbandonedWhole(upload) && (await hasBytes(options, id))
  if (expiryOf(upload, isWanted, options.sessionTtlMs) > now) return false
  return options.expire(id, upload.touchedAt)
}

function finished(options: SweeperOptions): Promise<string[]> {
  return options.ledger.finishedBefore(keptSince(options))
}

async function forget(options: SweeperOptions, id: string): Promise<boolean> {
  const { ledger, isActive } = options
  return !isActive(id) && (await ledger.forgetUpload(id, keptSince(options)))
}

function keptSince({ now, keepFinishedMs = KEEP_FINISHED_MS }: SweeperOptions): number {
  return now() - keepFinishedMs
}

function removeOrphanIn(folders: UploadFolders): Work {
  return async ({ ledger, isActive }, id) => {
    const state = (await ledger.findUpload(id))?.state
    if (state === 'receiving' || state === 'sealed' || isActive(id)) return false
    await folders.removeFolder(id)
    return true
  }
}
