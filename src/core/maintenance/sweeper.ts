import { VISIT_MS } from '../model/share-format.ts'
import type { MaintainedLedger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Spool, UploadFolders } from '../ports/spool.ts'
import { expiryOf, hasBytes } from '../uploads/expiry.ts'

/** How long a finished upload's result stays readable. */
export const KEEP_FINISHED_MS = 3_600_000

/** How long a share that has ended is listed for its owner. */
const KEEP_ENDED_SHARES_MS = 30 * 24 * 3_600_000

export interface SweeperOptions {
  ledger: MaintainedLedger
  spool: Pick<Spool, 'partialBytes' | 'removeTemporary'>
  /** Null where other processes have uploads in the same spool. */
  folders: UploadFolders | null
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
 */
export function createSweeper(options: SweeperOptions): Sweeper {
  let running: Promise<SweepReport> | null = null
  let timer: NodeJS.Timeout | null = null

  function run(isFirst = false): Promise<SweepReport> {
    running ??= sweep(options, isFirst).finally(() => {
      running = null
    })
    return running
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
      await running
    },
  }
}

type Work = (options: SweeperOptions, uploadId: string) => Promise<boolean>

async function sweep(options: SweeperOptions, isFirst: boolean): Promise<SweepReport> {
  const { ledger, spool, folders, log, exclusively = (_id, work) => work() } = options
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

  const expired = await each(() => receivingIds(options), expire)
  const forgotten = await each(() => finished(options), forget)
  const orphans = folders ? await each(folders.uploadIds, removeOrphanIn(folders)) : 0
  await attempt(spool.removeTemporary)
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
  await attempt(async () => options.keepTime?.())
  // It takes a thread, when a small machine has its hands full with the start and nothing is written.
  if (!isFirst) await attempt(async () => ledger.checkpoint())
  return { expired, forgotten, folders: orphans, failures }
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
  if (expiryOf(upload, await hasBytes(options, id), options.sessionTtlMs) > now) return false
  return options.expire(id, upload.touchedAt)
}

function finished({ ledger, now, keepFinishedMs = KEEP_FINISHED_MS }: SweeperOptions) {
  return ledger.finishedBefore(now() - keepFinishedMs)
}

async function forget({ ledger, isActive }: SweeperOptions, id: string): Promise<boolean> {
  const state = (await ledger.findUpload(id))?.state
  if (!state || state === 'receiving' || state === 'sealed' || isActive(id)) return false
  await ledger.deleteUpload(id)
  return true
}

function removeOrphanIn(folders: UploadFolders): Work {
  return async ({ ledger, isActive }, id) => {
    const state = (await ledger.findUpload(id))?.state
    if (state === 'receiving' || state === 'sealed' || isActive(id)) return false
    await folders.removeFolder(id)
    return true
  }
}
