import { AppError } from '../../errors.ts'
import { floodWaitSentence, isFloodWait } from '../model/flood-wait.ts'
import { formatFolderPath } from '../model/library/folder-path.ts'
import { newLibraryJobId } from '../model/library/job.ts'
import { isSameName } from '../model/library/names.ts'
import { fileOfUpload } from '../model/library/posts.ts'
import type { Catalogue, LibraryKey } from '../ports/catalogue.ts'
import type { Ending, Ledger } from '../ports/ledger.ts'
import type { NewLibraryJob } from '../ports/library-jobs.ts'
import type { Log } from '../ports/log.ts'
import type { UploadMetrics } from '../ports/metrics.ts'
import type { FinishedFile, Upload, WebhookPayload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { ProgressBoard } from '../progress/progress-board.ts'
import { onceDiskTakes } from '../runtime/disk-failure.ts'

export interface TransferEndingsOptions {
  ledger: Ledger & Pick<Catalogue, 'libraryFile'>
  spool: Spool
  progress: ProgressBoard
  /** False in standalone mode: there is no backend to tell. */
  webhooks: boolean
  metrics: Pick<UploadMetrics, 'ended'>
  /** Called when a webhook has been written to the outbox. */
  onWebhook: () => void
  /** Called when a job that deletes a replaced file has been written. */
  onDeletion: () => void
  /** Called when it has been written that posts of an upload are to be deleted. */
  onCleanup: () => void
  now: () => number
  log: Log
}

/** Where a file is by now. */
export interface Posted {
  result: FinishedFile
  library: LibraryKey
  /** The folder that its caption names. */
  folderId: string | null
}

/**
 * How a transfer ends: the result is written first, then told, then the disk is freed. While the
 * disk takes no row they wait for it, until the signal: a posted file's row must not be lost.
 */
export interface TransferEndings {
  completed: (upload: Upload, posted: Posted, signal: AbortSignal) => Promise<void>
  failed: (upload: Upload, error: unknown, signal: AbortSignal) => Promise<void>
}

export function createTransferEndings(options: TransferEndingsOptions): TransferEndings {
  const { ledger, spool, progress, metrics, now, log } = options

  async function clear(upload: Upload, ending: Ending): Promise<void> {
    if (ending.kind !== 'gone') progress.finish(ending.upload)
    await spool.remove(upload).catch((error: unknown) => {
      log.warn({ uploadId: upload.id, err: error }, 'chunks left to the sweep')
    })
  }

  /** Tries until the row is written. */
  function settle(
    uploadId: string,
    write: () => Promise<Ending>,
    signal: AbortSignal,
  ): Promise<Ending> {
    return onceDiskTakes(write, signal, (error) => {
      log.warn({ uploadId, err: error }, 'the end of an upload cannot be written yet')
    })
  }

  /** What the file replaces goes by a job of its own, which is written with the result. */
  async function deletionOf(
    upload: Upload,
    { result: { messageId }, library: key, folderId }: Posted,
  ): Promise<NewLibraryJob | null> {
    const { id, replaces } = upload
    // In another channel the number means another message.
    if (replaces?.channelId !== key.channelId || replaces.messageId === messageId) return null
    const old = await ledger.libraryFile(key, replaces.messageId)
    // Somebody who has renamed or moved it since the upload opened wants to keep it.
    if (old === null || !isSameName(old.name, upload.fileName)) return null
    const isInFolder = formatFolderPath(old.path) === formatFolderPath(upload.folder)
    if (old.folderId !== folderId && !isInFolder) return null
    const token = await ledger.uploadToken(id)
    if (token === null) return null
    const items = [{ messageId: replaces.messageId, isFolder: false, captionId: null }]
    const job = { id: newLibraryJobId(), key, kind: 'delete', target: null } as const
    return { ...job, items, token, now: now() }
  }

  return {
    completed: async (upload, posted, signal) => {
      const { id } = upload
      const { result, library: key, folderId } = posted
      const webhook = options.webhooks ? webhookOf(upload, result) : null
      // The message is posted: nothing may come between that and the row.
      const write = async (): Promise<Ending> => {
        const file = fileOfUpload({ ...upload, folderId }, result, now())
        const deletion = await deletionOf(upload, posted)
        const library = { key, file, deletion }
        return ledger.completeUpload(id, { result, webhook, library, now: now() })
      }
      const ending = await settle(id, write, signal)
      if (ending.kind === 'ended') {
        const seconds = secondsFromSeal(ending.upload)
        metrics.ended({ uploadId: id, outcome: 'completed', ...(seconds !== null && { seconds }) })
      }
      if (options.webhooks) options.onWebhook()
      if (upload.replaces !== null) options.onDeletion()
      log.info({ uploadId: id, messageId: result.messageId }, 'Upload completed successfully')
      await clear(upload, ending)
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
      const ending = await settle(id, () => ledger.failUpload(id, failure), signal)
      if (ending.kind === 'ended') metrics.ended({ uploadId: id, outcome: 'failed' })
      if (upload.volumeBytes !== null) options.onCleanup()
      await clear(upload, ending)
    },
  }
}

function webhookOf(upload: Upload, { messageId, fileId, digests }: FinishedFile): WebhookPayload {
  const { owner: userId, fileName, size, mimeType } = upload
  return { userId, fileName, messageId, fileId, size, mimeType, sha256: digests?.sha256 ?? null }
}

/** From the moment all its bytes were here. */
function secondsFromSeal({ sealedAt, finishedAt }: Upload): number | null {
  return sealedAt === null || finishedAt === null ? null : (finishedAt - sealedAt) / 1000
}

function reasonOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'Something went wrong inside the worker'
  if (isFloodWait(error) && error.retryAfter !== undefined) {
    return floodWaitSentence(error.retryAfter, 'Add the file again')
  }
  return error.code === 'TOKEN_REFUSED' ? 'Sign in again' : error.message
}
