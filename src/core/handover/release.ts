import { shuttingDown } from '../../errors.ts'
import { withTimeout } from '../../lib/waiting/with-timeout.ts'
import type { DownloadService } from '../downloads/download-service.ts'
import type { Log } from '../ports/log.ts'
import type { TelegramGate } from '../ports/telegram.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { Transfers } from '../transfers/transfer.ts'

export interface LetGoOptions {
  workGate: WorkGate
  transfers: Pick<Transfers, 'idle'>
  downloads: Pick<DownloadService, 'idle'>
  queue: Pick<JobQueue, 'close'>
  gate: Pick<TelegramGate, 'leave'>
  /**
   * Milliseconds for all of stopping. Half of it is for whole uploads and running downloads to reach
   * their end, an eighth for the other jobs to note where they were.
   */
  graceMs: number
  log: Log
}

/**
 * Lets go of Telegram: nothing new begins, what is nearly done may end, the rest stops where it can
 * go on later (every acknowledged part is in the ledger), and the connections are closed. Downloads
 * that are not at their end by then are cut: a short body tells their reader to come again, and a
 * range lets him go on. `hurry`: nothing gets any time.
 */
export type LetGo = (options: { hurry: boolean }) => Promise<void>

export function createLetGo(options: LetGoOptions): LetGo {
  const { workGate, transfers, downloads, queue, gate, graceMs, log } = options

  return async ({ hurry }) => {
    workGate.startDraining()
    const ended = Promise.all([transfers.idle(), downloads.idle()])
    if (!hurry) await withTimeout(ended, { ms: graceMs / 2, onTimeout: () => {} })
    const reason = shuttingDown()
    workGate.end(reason)
    await withTimeout(queue.close(reason), { ms: graceMs / 8, onTimeout: () => {} })
    await gate.leave(reason)
    log.info({}, 'disconnected from Telegram')
  }
}
