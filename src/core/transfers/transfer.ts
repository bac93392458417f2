import { AppError } from '../../errors.ts'
import { retry } from '../../lib/waiting/retry.ts'
import { encodeCaption } from '../model/caption.ts'
import { accountWaits } from '../model/flood-wait.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import { isPartial } from '../model/stream.ts'
import type { VerifyMode } from '../model/verification.ts'
import type { ChannelCall } from '../ports/channel.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { Digests, Upload } from '../ports/records.ts'
import type { TelegramGateway, TransferRequest } from '../ports/telegram.ts'
import type { ProgressEvent } from '../progress/progress-board.ts'
import { onceDiskTakes } from '../runtime/disk-failure.ts'
import type { JobContext, JobQueue } from '../runtime/job-queue.ts'
import { type ArrivingFile, createArrivingFile, type HashingOptions } from './outgoing-file.ts'
import { createOutgoingThumbnail } from './outgoing-thumbnail.ts'
import {
  createTransferEndings,
  type Posted,
  type TransferEndingsOptions,
} from './transfer-endings.ts'
import { type FlushingJournal, openTransferJournal } from './transfer-journal.ts'
import { delayFor, isRetryable, isWait, usesAttempt } from './transfer-retry.ts'
import { createVerification } from './verification.ts'

export interface TransfersOptions extends TransferEndingsOptions, HashingOptions {
  gateway: TelegramGateway
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  queue: JobQueue
  /** How often a whole transfer is tried when it fails in a way that may pass. */
  attempts: number
  /** Milliseconds from complete to giving up. */
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
  const { ledger, spool, gateway, credentials, progress, queue, now, log } = options
  const endings = createTransferEndings(options)
  const files = new Map<string, ArrivingFile>()

  function start(upload: Upload): void {
    const file = createArrivingFile(upload, spool, options)
    // However many files a user brings, another user's first one is not behind all of them.
    const name = { key: upload.id, group: upload.owner }
    if (!queue.start(name, (job) => run(upload, file, job))) return
    files.set(upload.id, file)
  }

  async function run(upload: Upload, file: ArrivingFile, job: JobContext): Promise<void> {
    let journal: FlushingJournal | null = null
    try {
      // Chunks that come meanwhile are told to the file: nothing is lost between the two.
      if (!(await onceDiskTakes(() => load(upload.id, file), job.signal))) return
      journal = await onceDiskTakes(() => openTransferJournal(upload.id, ledger, log), job.signal)
      const carried = await carry(upload, file, job, journal)
      if ('error' in carried) await endings.failed(upload, carried.error, job.signal)
      else await endings.completed(upload, carried, job.signal)
    } catch (error) {
      if (!job.signal.aborted) throw error
    } finally {
      await journal?.flush()
      files.delete(upload.id)
    }
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
    journal: FlushingJournal,
  ): Promise<Posted | { error: unknown }> {
    const verification = createVerification(file, options.verify, log)
    const thumbnail = createOutgoingThumbnail(upload.id, ledger, log)
    const requestWith: RequestWith = (granted, folderId) => ({
      credentials: granted,
      file,
      caption: async () =>
        captionOf({ ...upload, folderId }, await file.digests(), options.namesInCaptions),
      captionId: upload.captionId,
      kind: 'file',
      exactlyOnce: false,
      journal,
      verification,
      thumbnail,
      signal: job.signal,
      onEvent: (event) => {
        // Until the file is whole only what lasts is noted: bytes that have gone, and a wait.
        if (!file.sealed && event.phase !== 'sending' && event.phase !== 'waiting') return
        report(upload, event)
      },
    })
    try {
      await sendWhileArriving(upload, file, job, requestWith)
      return await finish(upload, file, job, requestWith)
    } catch (error) {
      job.signal.throwIfAborted()
      return { error }
    }
  }

  /** Sends parts as their bytes come; holds a slot only while there is something to send. */
  async function sendWhileArriving(
    upload: Upload,
    file: ArrivingFile,
    job: JobContext,
    requestWith: RequestWith,
  ): Promise<void> {
    const { signal } = job
    const whenSealed = async (timeoutMs?: number): Promise<void> => {
      await file.until(() => file.sealed, { signal, timeoutMs })
    }
    let seen = -1
    for (let failures = 0; !file.sealed; ) {
      await file.until(() => file.version !== seen, { signal })
      seen = file.version
      if (file.sealed) return
      try {
        const granted = await grant(upload, job.signal)
        const road = gateway.roadFor(granted, upload.size)
        if (!gateway.sendsEarly(road, upload.size)) return await whenSealed()
        assertNoWait(granted, upload.size)
        // Nothing is posted yet, so the folder does not matter.
        await job.slot(() => gateway.sendAvailable(requestWith(granted, null)))
        failures = 0
      } catch (error) {
        job.signal.throwIfAborted()
        log.warn({ uploadId: upload.id, err: error }, 'sending ahead of complete failed')
        // What can never succeed is said once the client has completed, as the contract has it.
        if (!isRetryable(error)) return await whenSealed()
        if (usesAttempt(error)) failures++
        const delay = delayFor(error, failures)
        reportWait(upload, error, delay)
        // Once the file is whole the transfer decides anew whether the wait is worth it.
        await whenSealed(delay)
        seen = -1
      }
    }
  }

  async function finish(
    upload: Upload,
    file: ArrivingFile,
    job: JobContext,
    requestWith: RequestWith,
  ): Promise<Posted> {
    report(upload, { phase: 'queued' })
    log.info({ uploadId: upload.id, size: upload.size }, 'Background upload started')
    const startedAt = now()
    return retry(
      async () => {
        const granted = await grant(upload, job.signal)
        assertNoWait(granted, upload.size)
        return job.slot(async () => {
          const folderId = await placeIn(upload, granted, job.signal)
          const posted = await gateway.finish(requestWith(granted, folderId))
          const result = { ...posted, digests: await digestsOf(file) }
          return { result, library: libraryKeyOf(granted), folderId }
        })
      },
      {
        attempts: options.attempts,
        signal: job.signal,
        counts: usesAttempt,
        delayFor: (error, attempt) => {
          const delay = delayFor(error, attempt)
          const late = now() + delay - startedAt > options.maxDurationMs
          if (!isRetryable(error) || late) return null
          reportWait(upload, error, delay)
          log.warn({ uploadId: upload.id, attempt, delay, err: error }, 'transfer will be retried')
          return delay
        },
      },
    )
  }

  /** The file is posted: nothing that is wrong with the disk may undo that. */
  async function digestsOf(file: ArrivingFile): Promise<Digests | null> {
    try {
      return await file.digests()
    } catch (err) {
      log.warn({ uploadId: file.uploadId, err }, 'a posted file cannot be hashed')
      return null
    }
  }

  /** Every try of a post names the same folder, also after a restart. */
  async function placeIn(
    { id, ...opened }: Upload,
    granted: Credentials,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (opened.folder.length === 0) return null
    const upload = (await ledger.findUpload(id)) ?? { id, ...opened }
    if (upload.folderId !== null) return upload.folderId
    const onWait = (retryAfter: number): void => report(upload, { phase: 'waiting', retryAfter })
    const folderId = await options.folderOf(upload, { credentials: granted, signal, onWait })
    if (folderId !== null) await ledger.saveUploadFolder(id, folderId)
    return folderId
  }

  /** A job that has to wait for Telegram anyway does so without a slot that others could use. */
  function assertNoWait(granted: Credentials, size: number): void {
    const seconds = gateway.waitFor(granted, size)
    if (seconds > 0) throw accountWaits(seconds)
  }

  /** Credentials for the job. While the backend is down the job waits for it, holding no slot. */
  async function grant(upload: Upload, signal: AbortSignal): Promise<Credentials> {
    const token = await ledger.uploadToken(upload.id)
    if (token === null) throw new AppError('TOKEN_REFUSED', 'Sign in again')
    const deadline = now() + options.maxDurationMs
    return retry(() => credentials.forRunningUpload(token), {
      attempts: Number.POSITIVE_INFINITY,
      signal,
      counts: usesAttempt,
      delayFor: (error, attempt) => {
        if (!isRetryable(error) || now() >= deadline) return null
        const delay = delayFor(error, attempt)
        reportWait(upload, error, delay)
        return delay
      },
    })
  }

  function reportWait(upload: Upload, error: unknown, delayMs: number): void {
    if (!isWait(error)) return
    report(upload, { phase: 'waiting', retryAfter: Math.ceil(delayMs / 1000) })
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

type RequestWith = (granted: Credentials, folderId: string | null) => TransferRequest

function captionOf(
  { captionId, fileName, folderId, modifiedAt }: Upload,
  { sha256, crc32 }: Digests,
  namesInCaptions: boolean,
): string {
  return encodeCaption({
    id: captionId,
    kind: 'file',
    folderId: namesInCaptions ? folderId : null,
    name: namesInCaptions ? fileName : null,
    modifiedAt,
    sha256,
    crc32,
  })
}
