import type { AppError } from '../../errors.ts'
import { isPartial } from '../model/stream.ts'
import type { VerifyMode } from '../model/verification.ts'
import type { ChannelCall } from '../ports/channel.ts'
import type { CredentialsProvider } from '../ports/credentials.ts'
import type { Upload } from '../ports/records.ts'
import type { TelegramGateway } from '../ports/telegram.ts'
import type { ProgressEvent } from '../progress/progress-board.ts'
import { onceDiskTakes } from '../runtime/disk-failure.ts'
import type { JobContext, JobQueue } from '../runtime/job-queue.ts'
import { createDocumentCarrying } from './carry-document.ts'
import type { HashingOptions } from './file-digests.ts'
import { createChunkRecovery } from './lost-chunks.ts'
import { type ArrivingFile, createArrivingFile } from './outgoing-file.ts'
import {
  createTransferEndings,
  type Posted,
  type TransferEndingsOptions,
} from './transfer-endings.ts'
import { createTransferSteps } from './transfer-steps.ts'
import { createVolumeCarrying } from './volumes/carry-volumes.ts'

export interface TransfersOptions extends TransferEndingsOptions, HashingOptions {
  gateway: TelegramGateway
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  queue: JobQueue
  /** How often a document is tried when it fails in a way that may pass. */
  attempts: number
  /** Milliseconds from the moment that a document is whole to giving up. */
  maxDurationMs: number
  /** Whether captions tell the names of files. */
  namesInCaptions: boolean
  /** What of a file is read back from Telegram. */
  verify: VerifyMode
  /**
   * Resolves with the id of the folder into which the upload goes, which is made where it is missing;
   * null: the root. Rejects as the channel's calls do.
   */
  folderOf: (upload: Upload, call: ChannelCall) => Promise<string | null>
  /** The volumes of an upload up to this byte are posted, and the files of their chunks are gone. */
  onVolumesPosted: (uploadId: string, postedBytes: number) => void
}

/** The jobs that carry uploads to Telegram, at most one per upload. */
export interface Transfers {
  /** A chunk was acknowledged; a large file starts its way here. */
  chunkArrived: (upload: Upload, index: number) => void
  /** The upload is whole and may be posted. */
  sealed: (upload: Upload) => void
  /**
   * Stops the upload's job, if any, which ends with the reason; resolves when it has let go of its
   * files.
   */
  stop: (uploadId: string, reason: AppError) => Promise<void>
  /** After a restart: goes on with everything unfinished. */
  resume: () => Promise<void>
  isActive: (uploadId: string) => boolean
  /** Whether all these bytes of an upload are acknowledged; false while no job carries it. */
  has: (uploadId: string, offset: number, length: number) => boolean
  /** Resolves when no upload that is whole is on its way. */
  idle: () => Promise<void>
}

export function createTransfers(options: TransfersOptions): Transfers {
  const { ledger, spool, progress, queue } = options
  const endings = createTransferEndings(options)
  const files = new Map<string, ArrivingFile>()
  const recover = createChunkRecovery(options)
  const steps = createTransferSteps({ ...options, report })
  const carryDocument = createDocumentCarrying({ ...options, steps, report })
  const carryVolumes = createVolumeCarrying({ ...options, steps, report })

  function start(upload: Upload): void {
    const file = createArrivingFile(upload, spool)
    // However many files a user brings, another user's first one is not behind all of them.
    const name = { key: upload.id, group: upload.owner }
    if (!queue.start(name, (job) => run(upload, file, job))) return
    files.set(upload.id, file)
  }

  async function run(upload: Upload, file: ArrivingFile, job: JobContext): Promise<void> {
    try {
      // Chunks that come meanwhile are told to the file: nothing is lost between the two.
      if (!(await onceDiskTakes(() => load(upload.id, file), job.signal))) return
      const carried = await carry(upload, file, job)
      if ('error' in carried) await giveUp(upload, carried.error, job.signal)
      else await endings.completed(upload, carried, job.signal)
    } catch (error) {
      if (!job.signal.aborted) throw error
    } finally {
      files.delete(upload.id)
    }
  }

  /** What its sender is asked for again begins a new job when it comes. */
  async function giveUp(upload: Upload, error: unknown, signal: AbortSignal): Promise<void> {
    if (await onceDiskTakes(() => recover(upload, error), signal)) return
    await endings.failed(upload, error, signal)
  }

  /** Tells the file what is here of it. False for an upload that no job carries. */
  async function load(uploadId: string, file: ArrivingFile): Promise<boolean> {
    // A piece of another upload goes to Telegram with that one.
    if (isPartial(await ledger.stream(uploadId))) return false
    const upload = await ledger.findUpload(uploadId)
    if (upload?.state !== 'receiving' && upload?.state !== 'sealed') return false
    file.load(upload, await ledger.chunks(uploadId))
    return true
  }

  /** Where the file is, or why it is nowhere. Rejects only with the signal's reason. */
  async function carry(
    upload: Upload,
    file: ArrivingFile,
    job: JobContext,
  ): Promise<Posted | { error: unknown }> {
    try {
      return await (upload.volumeBytes === null ? carryDocument : carryVolumes)(upload, file, job)
    } catch (error) {
      job.signal.throwIfAborted()
      return { error }
    }
  }

  /** A job keeps the upload as it was when it began; what has become of it since is in its file. */
  function report(upload: Upload, event: ProgressEvent): void {
    const sealed = files.get(upload.id)?.sealed === true
    progress.report(sealed ? { ...upload, state: 'sealed' } : upload, event)
  }

  const isActive = (uploadId: string): boolean => files.get(uploadId)?.sealed === true
  const wholeIds = (): string[] => [...files.keys()].filter(isActive)

  return {
    chunkArrived: (upload, index) => {
      if (!files.has(upload.id)) start(upload)
      files.get(upload.id)?.add(index, upload.chunkSize)
    },
    sealed: (upload) => {
      if (!files.has(upload.id)) start(upload)
      else {
        files.get(upload.id)?.seal()
        progress.refresh(upload)
      }
    },
    stop: queue.abort,
    resume: async () => {
      for (const upload of await ledger.uploadsInState('sealed')) start(upload)
      for (const upload of await ledger.uploadsInState('receiving')) start(upload)
    },
    isActive,
    has: (uploadId, offset, length) => files.get(uploadId)?.has(offset, length) ?? false,
    idle: async () => {
      for (let whole = wholeIds(); whole.length > 0; whole = wholeIds()) {
        await Promise.all(whole.map(queue.ended))
      }
    },
  }
}
