import { isLibraryJobId } from '../model/library/job.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import type { ProgressBoard } from './progress-board.ts'

/** The jobs of files at this moment. */
export interface JobCounts {
  /** All of them, also those that wait for chunks. */
  readonly all: number
  /** Those that work: they have a slot, and Telegram has not asked them to wait. */
  readonly running: number
  /** Those that wait for a slot, or because Telegram has asked for it. */
  readonly waiting: number
}

export function countJobs(
  queue: Pick<JobQueue, 'stages'>,
  board: Pick<ProgressBoard, 'isWaiting'>,
): JobCounts {
  const stages = queue.stages()
  let running = 0
  let waiting = 0
  let all = 0
  for (const [key, stage] of stages) {
    if (isLibraryJobId(key)) continue
    all++
    if (stage === 'queued' || board.isWaiting(key)) waiting++
    else if (stage === 'working') running++
  }
  return { all, running, waiting }
}
