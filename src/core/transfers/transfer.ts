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
import { isLeaseLost } from './transfer-retry.ts'
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
  /** Milliseconds until a part that Telegram has acknowledged is noted in the ledger. */
  partsNotedMs: number
  /**
   * Resolves with the id of the folder into which the upload goes, which is made where it is missing;
   * null: the root. Rejects as the channel's calls do.
   */
  folderOf: (upload: Upload, call: ChannelCall) => Promise<string | null>
  /** The volumes of an upload up to this byte are posted, and the files of their chunks are gone. */
  onVolumesPosted: (uploadId: string, postedBytes: number) => void
  /**
   * Called when a job has to wait, for so many milliseconds: it may be stopped then, to go on later or
   * elsewhere. Absent where each job waits for itself.
   */
  onWait?: (upload: Upload, delayMs: number) => void
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
  has: (uploadId: string, offset: number, length: number) => boolean | Promise<boolean>
  /** Resolves when no upload that is whole is on its way. */
  idle: () => Promise<void>
}

/** The jobs of this process, as they are used by what decides which uploads it carries. */
export interface LocalTransfers extends Transfers {
  /** Starts the upload's job; false where one runs, or none is taken any more. */
  carry: (upload: Upload) => boolean
  /** Tells the upload's job of an acknowledged chunk; false where none carries it here. */
  add: (uploadId: string, chunk: { index: number; chunkSize: number | null }) => boolean
  /** Whether a job carries the upload here. */
  carries: (uploadId: string) => boolean
  /** How many chunks the job knows; null where none carries the upload. */
  knownChunks: (uploadId: string) => number | null
  /** Whether the job knows that the upload is whole. */
  knowsSeal: (uploadId: string) => boolean
  /** Tells the upload's job, if any, of what other nodes have acknowledged. */
  reload: (uploadId: string) => Promise<void>
  /** Resolves when the upload's job, if any, has ended. */
  ended: (uploadId: string) => Promise<void>
}

export function createTransfers(options: TransfersOptions): LocalTransfers {
  const { ledger, spool, progress, queue } = options
  const endings = createTransferEndings(options)
  const files = new Map<string, ArrivingFile>()
  const recover = createChunkRecovery(options)
  const steps = createTransferSteps({ ...options, report })
  const carryDocument = createDocumentCarrying({ ...options, steps, report })
  const carryVolumes = createVolumeCarrying({ ...options, steps, report })

  function start(upload: Upload): boolean {
    const file = createArrivingFile(upload, spool)
    // However many files a user brings, another user's first one is not behind all of them.
    const name = { key: upload.id, group: upload.owner }
    if (!queue.start(name, (job) => run(upload, file, job))) return false
    files.set(upload.id, file)
    return true
  }

  async function run(upload: Upload, file: ArrivingFile, job: JobContext): Promise<void> {
    try {
      // Chunks that come meanwhile are told to the file: nothing is lost between the two.
      if (!(await onceDiskTakes(() => load(upload.id, file), job.signal))) return
      const carried = await carry(upload, file, job)
      if ('error' in carried) await giveUp(upload, carried.error, job.signal)
      else await endings.completed(upload, carried, job.signal)
    } catch (error) {
      // Another node goes on with it, and says how it ends.
      if (!job.signal.aborted && !isLeaseLost(error)) throw error
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
      if (isLeaseLost(error)) throw error
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
    carry: start,
    add: (uploadId, { index, chunkSize }) => {
      const file = files.get(uploadId)
      file?.add(index, chunkSize)
      return file !== undefined
    },
    carries: (uploadId) => files.has(uploadId),
    knownChunks: (uploadId) => files.get(uploadId)?.chunkCount ?? null,
    knowsSeal: isActive,
    reload: async (uploadId) => {
      const upload = await ledger.findUpload(uploadId)
      const chunks = await ledger.chunks(uploadId)
      const file = files.get(uploadId)
      if (upload === null || file === undefined) return
      const wasSealed = file.sealed
      file.load(upload, chunks)
      if (file.sealed && !wasSealed) progress.refresh(upload)
    },
    ended: queue.ended,
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
