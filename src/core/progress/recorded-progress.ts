import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { ProgressBoard } from './progress-board.ts'

/** A line in the log for each of these. */
const LOGGED_PERCENT = 10

export interface RecordingOptions {
  ledger: Pick<Ledger, 'savePercent'>
  /** Milliseconds between two rows of one upload; 0: each whole percent has its row. */
  everyMs: number
  log: Log
}

/**
 * A board that also records how far each upload is: in the ledger, so that a restart turns no
 * progress back, and each tenth of the way in the log, in the words that operators know. The ledger
 * gets each whole percent once at the most: a hundred small rows for a file, however large.
 */
export function recordProgress(
  board: ProgressBoard,
  { ledger, everyMs, log }: RecordingOptions,
): ProgressBoard {
  const recorded = new Map<string, number>()
  /** By `performance.now()`. */
  const savedAt = new Map<string, number>()

  function isDue(uploadId: string): boolean {
    if (everyMs === 0) return true
    const now = performance.now()
    if (now - (savedAt.get(uploadId) ?? Number.NEGATIVE_INFINITY) < everyMs) return false
    savedAt.set(uploadId, now)
    return true
  }

  function forget(uploadId: string): void {
    recorded.delete(uploadId)
    savedAt.delete(uploadId)
  }

  return {
    ...board,
    report: (upload, event) => {
      board.report(upload, event)
      const { id: uploadId, lastPercent } = upload
      const { progress: percent, phase } = board.of(upload)
      const before = recorded.get(uploadId)
      recorded.set(uploadId, percent)
      if (percent > (before ?? lastPercent ?? 0) && isDue(uploadId)) {
        // Nothing waits for it: a percent that cannot be written is made good by the next one.
        ledger.savePercent(uploadId, percent).catch((err: unknown) => {
          log.debug({ uploadId, err }, 'progress is not kept')
        })
      }
      if (tenthOf(percent) > tenthOf(before ?? 0)) {
        log.info({ uploadId, phase }, `Upload progress: ${percent}%`)
      }
    },
    release: (uploadId) => {
      forget(uploadId)
      board.release(uploadId)
    },
    finish: (upload) => {
      forget(upload.id)
      board.finish(upload)
    },
    forget: (upload) => {
      forget(upload.id)
      board.forget(upload)
    },
  }
}

function tenthOf(percent: number): number {
  return Math.floor(percent / LOGGED_PERCENT)
}
