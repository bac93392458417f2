import { AppError } from '../../errors.ts'
import { uploadGone } from '../model/cancellation.ts'
import { isUnfinished } from '../model/upload.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { UploadMetrics, UploadOutcome } from '../ports/metrics.ts'
import type { Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import type { Transfers } from '../transfers/transfer.ts'

export interface UploadRemovalOptions {
  ledger: Pick<Ledger, 'findUpload' | 'deleteUpload'>
  spool: Pick<Spool, 'remove'>
  transfers: Pick<Transfers, 'stop'>
  progress: Pick<ProgressBoard, 'forget'>
  metrics: Pick<UploadMetrics, 'ended'>
}

/** How uploads are removed. Callers hold the upload's lock. */
export interface UploadRemoval {
  /**
   * Stops what runs, and forgets the upload with all that it has on the disk. `outcome` is what is
   * reported of one that was unfinished.
   */
  remove: (
    uploadId: string,
    outcome: Extract<UploadOutcome, 'expired' | 'abandoned'>,
  ) => Promise<void>
  /** Writes how the upload has ended, and frees the disk. Rejects with SPOOL_FULL, SPOOL_FAILED. */
  clear: (uploadId: string, writeRow: () => Promise<void>) => Promise<void>
}

export function createUploadRemoval(options: UploadRemovalOptions): UploadRemoval {
  const { ledger, spool, transfers, progress, metrics } = options

  /** The row first: bytes without a row are swept, and a row without bytes is a lie. */
  async function clear(uploadId: string, writeRow: () => Promise<void>): Promise<void> {
    try {
      await writeRow()
      await spool.remove(uploadId)
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'SPOOL_FULL')) throw error
      // To delete a row takes disk space as well: that of the upload's own bytes.
      await spool.remove(uploadId)
      await writeRow()
    }
  }

  return {
    clear,
    remove: async (uploadId, outcome) => {
      await transfers.stop(uploadId, uploadGone())
      const upload = await ledger.findUpload(uploadId)
      await clear(uploadId, () => ledger.deleteUpload(uploadId))
      if (!upload) return
      progress.forget(upload)
      if (isUnfinished(upload)) metrics.ended({ uploadId, outcome })
    },
  }
}
