import { AppError } from '../../errors.ts'
import {
  CANCELLED,
  REMEMBERED_CANCELLATIONS,
  uploadCancelled,
  uploadGone,
} from '../model/cancellation.ts'
import { isUnfinished } from '../model/upload.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { UploadMetrics } from '../ports/metrics.ts'
import type { Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import type { Transfers } from '../transfers/transfer.ts'
import { uploadNotFound } from './intake-refusals.ts'

export interface UploadRemovalOptions {
  ledger: Pick<Ledger, 'findUpload' | 'cancelUpload' | 'deleteUpload' | 'expireUpload'>
  spool: Pick<Spool, 'remove'>
  transfers: Pick<Transfers, 'stop'>
  progress: Pick<ProgressBoard, 'of' | 'finish' | 'forget'>
  metrics: Pick<UploadMetrics, 'ended'>
  /** Called when it has been written that posts of an upload are to be deleted. */
  onCleanup: () => void
  now: () => number
  log: Log
}

/**
 * How uploads are removed: their jobs are stopped, their rows written, their bytes removed. Callers
 * hold the upload's lock. Calls reject with SPOOL_FULL or SPOOL_FAILED.
 */
export interface UploadRemoval {
  /**
   * Resolves with the cancelled upload, or with one that has come to its end before. Rejects with
   * UPLOAD_NOT_FOUND.
   */
  cancel: (uploadId: string) => Promise<Upload>
  /** Removes an upload whose client broke off before it could learn the id. */
  abandon: (uploadId: string) => Promise<void>
  /** False for an upload that has made progress since `touchedAt`, or does not receive: it stays. */
  expire: (uploadId: string, touchedAt: number) => Promise<boolean>
}

/** One way to remove an upload. */
interface Removal {
  /** What its job and its waiting requests end with. */
  reason: AppError
  /** Resolves with the upload whose row was written, or null when none was. */
  writeRow: () => Promise<Upload | null>
  /** The same once the bytes are removed because the disk had no space for the row. */
  writeRowAfterBytes?: () => Promise<Upload | null>
  /** Called when the row is written. */
  tell: (upload: Upload) => void
}

export function createUploadRemoval(options: UploadRemovalOptions): UploadRemoval {
  const { ledger, spool, transfers, progress, metrics, now, log } = options

  /** The row first: bytes without a row are swept, and a row without bytes is a lie. */
  async function remove(uploadId: string, removal: Removal): Promise<boolean> {
    const { reason, writeRow, writeRowAfterBytes = writeRow, tell } = removal
    await transfers.stop(uploadId, reason)
    const upload = await writeRow().catch(async (error: unknown) => {
      if (!(error instanceof AppError && error.code === 'SPOOL_FULL')) throw error
      // A row takes disk space as well: that of the upload's own bytes.
      const known = await ledger.findUpload(uploadId)
      if (known !== null) await spool.remove(known)
      return writeRowAfterBytes()
    })
    if (upload === null) return false
    // A job that has begun since may have read the row as it was before.
    await transfers.stop(uploadId, reason)
    tell(upload)
    if (upload.volumeBytes !== null) options.onCleanup()
    await spool.remove(upload)
    return true
  }

  async function cancel(uploadId: string): Promise<Upload> {
    await transfers.stop(uploadId, uploadCancelled())
    // Looked for after that: the job may have come to its end before it could be stopped.
    const upload = await ledger.findUpload(uploadId)
    if (upload === null) throw uploadNotFound()
    if (upload.state === 'completed' || upload.state === 'cancelled') return upload
    const { progress: percent } = progress.of(upload)
    let ended = upload
    await remove(uploadId, {
      reason: uploadCancelled(),
      writeRow: async () => {
        const cancelled = { reason: CANCELLED, percent, now: now() }
        const ending = await ledger.cancelUpload(uploadId, cancelled, REMEMBERED_CANCELLATIONS)
        if (ending.kind === 'gone') throw uploadNotFound()
        ended = ending.upload
        return ending.kind === 'ended' ? ending.upload : null
      },
      tell: (cancelled) => {
        progress.finish(cancelled)
        if (isUnfinished(upload)) metrics.ended({ uploadId, outcome: 'cancelled' })
        log.info({ uploadId }, 'Upload cancelled')
      },
    })
    return ended
  }

  /** Nothing is left of it. */
  function forgetting(outcome: 'expired' | 'abandoned'): (upload: Upload) => void {
    return (upload) => {
      progress.forget(upload)
      if (isUnfinished(upload)) metrics.ended({ uploadId: upload.id, outcome })
    }
  }

  return {
    cancel,
    abandon: async (uploadId) => {
      await remove(uploadId, {
        reason: uploadGone(),
        writeRow: () => ledger.deleteUpload(uploadId),
        tell: forgetting('abandoned'),
      })
    },
    expire: (uploadId, touchedAt) =>
      remove(uploadId, {
        reason: uploadGone(),
        writeRow: () => ledger.expireUpload(uploadId, touchedAt),
        // Without its bytes it cannot stay, whatever has come meanwhile.
        writeRowAfterBytes: () => ledger.deleteUpload(uploadId),
        tell: forgetting('expired'),
      }),
  }
}
