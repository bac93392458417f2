import { shuttingDown } from '../../errors.ts'
import { withTimeout } from '../../lib/waiting/with-timeout.ts'
import type { DownloadService } from '../downloads/download-service.ts'
import type { Follower } from '../library/follow/follower.ts'
import type { Log } from '../ports/log.ts'
import type { TelegramGate } from '../ports/telegram.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { Transfers } from '../transfers/transfer.ts'
import type { ShutdownBudget } from './shutdown-budget.ts'

export interface ReleaseOptions {
  workGate: WorkGate
  transfers: Pick<Transfers, 'idle'>
  downloads: Pick<DownloadService, 'idle'>
  queue: Pick<JobQueue, 'close'>
  follower: Pick<Follower, 'close'>
  gate: Pick<TelegramGate, 'leave'>
  budget: Pick<ShutdownBudget, 'endMs' | 'noteMs'>
  log: Log
}

/**
 * Releases Telegram: nothing new begins, what is nearly done may end, the rest stops where it can
 * go on later (every acknowledged part is in the ledger), and the connections are closed. Downloads
 * that are not at their end by then are cut: a short body tells the reader to come again, and a
 * range lets the reader go on. `hurry`: nothing gets any time.
 */
export type Release = (options: { hurry: boolean }) => Promise<void>

export function createRelease(options: ReleaseOptions): Release {
  const { workGate, transfers, downloads, queue, follower, gate, budget, log } = options

  return async ({ hurry }) => {
    workGate.startDraining()
    const ended = Promise.all([transfers.idle(), downloads.idle()])
    if (!hurry) await withTimeout(ended, { ms: budget.endMs, onTimeout: () => {} })
    const reason = shuttingDown()
    workGate.close(reason)
    const stopped = Promise.all([queue.close(reason), follower.close(reason)])
    await withTimeout(stopped, { ms: budget.noteMs, onTimeout: () => {} })
    await gate.leave(reason)
    log.info({}, 'disconnected from Telegram')
  }
}
