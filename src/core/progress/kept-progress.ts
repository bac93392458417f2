import type { Ledger } from '../ports/ledger.ts'
import type { Upload } from '../ports/records.ts'
import type { Progress, ProgressBoard } from './progress-board.ts'

/** How far an upload is, for an answer. */
export type ReadProgress = (upload: Upload) => Promise<Progress>

/**
 * Where other processes answer for the same upload, its percent is in the ledger before it is told: one
 * that is asked next has read it there, and tells no less. A percent that cannot be kept is not told.
 */
export function keepBeforeTold(
  board: Pick<ProgressBoard, 'of'>,
  ledger: Pick<Ledger, 'savePercent'>,
): ReadProgress {
  return async (upload) => {
    const progress = board.of(upload)
    const { lastPercent } = upload
    if (progress.status !== 'uploading' || progress.progress <= (lastPercent ?? 0)) return progress
    try {
      await ledger.savePercent(upload.id, progress.progress)
      return progress
    } catch {
      return { ...progress, progress: lastPercent ?? 0 }
    }
  }
}
