import { AppError } from '../../errors.ts'
import { floodWaitSentence, isFloodWait } from '../model/flood-wait.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { UploadMetrics } from '../ports/metrics.ts'
import type { PostedFile, Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import { onceDiskTakes } from '../runtime/disk-failure.ts'

export interface TransferEndingsOptions {
  ledger: Ledger
  spool: Spool
  progress: ProgressBoard
  /** False in standalone mode: there is no backend to tell. */
  webhooks: boolean
  metrics: Pick<UploadMetrics, 'ended'>
  /** Called when a webhook has been written to the outbox. */
  onWebhook: () => void
  now: () => number
  log: Log
}

/**
 * How a transfer ends: the result is written first, then told, then the disk is freed. While the
 * disk takes no row they wait for it, until the signal: a posted file's row must not be lost.
 */
export interface TransferEndings {
  completed: (upload: Upload, result: PostedFile, signal: AbortSignal) => Promise<void>
  failed: (upload: Upload, error: unknown, signal: AbortSignal) => Promise<void>
}

export function createTransferEndings(options: TransferEndingsOptions): TransferEndings {
  const { ledger, spool, progress, metrics, now, log } = options

  async function clear(uploadId: string): Promise<void> {
    const row = await ledger.findUpload(uploadId)
    if (row) progress.finish(row)
    await spool.remove(uploadId).catch((error: unknown) => {
      log.warn({ uploadId, err: error }, 'chunks left to the sweep')
    })
  }

  /** Tries until the row is written. */
  function settle(
    uploadId: string,
    write: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    return onceDiskTakes(write, signal, (error) => {
      log.warn({ uploadId, err: error }, 'the end of an upload cannot be written yet')
    })
  }

  return {
    completed: async (upload, result, signal) => {
      const { id, fileName, size, mimeType } = upload
      const payload = { userId: upload.owner, fileName, ...result, size, mimeType }
      const write = (): Promise<void> =>
        ledger.completeUpload(id, result, options.webhooks ? payload : null, now())
      const before = await ledger.findUpload(id).catch(() => null)
      await settle(id, write, signal)
      const seconds = before === null ? undefined : (now() - before.touchedAt) / 1000
      metrics.ended({
        uploadId: id,
        outcome: 'completed',
        ...(seconds !== undefined && { seconds }),
      })
      if (options.webhooks) options.onWebhook()
      log.info({ uploadId: id, messageId: result.messageId }, 'Upload completed successfully')
      await clear(id)
    },
    failed: async (upload, error, signal) => {
      const { id } = upload
      const reason = reasonOf(error)
      log.error({ uploadId: id, err: error }, `Upload failed: ${reason}`)
      const { progress: percent } = progress.of(upload)
      const failedAt = now()
      const seconds = isFloodWait(error) ? error.retryAfter : undefined
      const retryAt = seconds === undefined ? null : failedAt + seconds * 1000
      const failure = { reason, percent, retryAt, now: failedAt }
      await settle(id, () => ledger.failUpload(id, failure), signal)
      metrics.ended({ uploadId: id, outcome: 'failed' })
      await clear(id)
    },
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'Something went wrong inside the worker'
  if (isFloodWait(error) && error.retryAfter !== undefined) {
    return floodWaitSentence(error.retryAfter, 'Add the file again')
  }
  return error.code === 'TOKEN_REFUSED' ? 'Sign in again' : error.message
}
