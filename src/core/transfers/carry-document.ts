import { encodeCaption } from '../model/caption.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { VerifyMode } from '../model/verification.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Digests, Upload } from '../ports/records.ts'
import type { PostRule, TelegramGateway, TransferRequest } from '../ports/telegram.ts'
import type { ProgressEvent } from '../progress/progress-board.ts'
import { onceDiskTakes } from '../runtime/disk-failure.ts'
import type { JobContext } from '../runtime/job-queue.ts'
import type { HashingOptions } from './file-digests.ts'
import { lostChunkOf } from './lost-chunks.ts'
import { type ArrivingFile, type DigestedOutgoingFile, digestWhileRead } from './outgoing-file.ts'
import { createOutgoingThumbnail } from './outgoing-thumbnail.ts'
import type { Posted } from './transfer-endings.ts'
import { openTransferJournal } from './transfer-journal.ts'
import { delayFor, isLeaseLost, isRetryable, usesAttempt } from './transfer-retry.ts'
import type { TransferSteps } from './transfer-steps.ts'
import { createVerification } from './verification.ts'

export interface CarryingOptions extends HashingOptions {
  ledger: Ledger
  gateway: Pick<TelegramGateway, 'roadFor' | 'sendsEarly' | 'sendAvailable' | 'finish'>
  steps: TransferSteps
  report: (upload: Upload, event: ProgressEvent) => void
  /** Whether captions tell the names of files. */
  namesInCaptions: boolean
  /** What of a file is read back from Telegram. */
  verify: VerifyMode
  /** See `JournalOptions`. */
  partsNotedMs: number
  log: Log
}

/** Brings the bytes of an upload into its channel. Rejects with why they cannot be there. */
export type Carry = (upload: Upload, file: ArrivingFile, job: JobContext) => Promise<Posted>

/** A file that is posted twice because an answer was lost is better than one that goes slowly. */
const RULE: PostRule = { exactlyOnce: false }

/** An upload that goes as one document. */
export function createDocumentCarrying(options: CarryingOptions): Carry {
  const { ledger, gateway, steps, report, log } = options

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
        const granted = await steps.grant(upload, job.signal)
        const road = gateway.roadFor(granted, upload.size)
        if (!gateway.sendsEarly(road, upload.size)) return await whenSealed()
        steps.assertNoWait(granted, upload.size, RULE)
        // Nothing is posted yet, so the folder does not matter.
        await job.slot(() => gateway.sendAvailable(requestWith(granted, null)))
        failures = 0
      } catch (error) {
        job.signal.throwIfAborted()
        if (lostChunkOf(error) !== null || isLeaseLost(error)) throw error
        log.warn({ uploadId: upload.id, err: error }, 'sending ahead of complete failed')
        // What can never succeed is said once the client has completed, as the contract has it.
        if (!isRetryable(error)) return await whenSealed()
        if (usesAttempt(error)) failures++
        const delay = delayFor(error, failures)
        steps.reportWait(upload, error, delay)
        // Once the file is whole the transfer decides anew whether the wait is worth it.
        await whenSealed(delay)
        seen = -1
      }
    }
  }

  async function finish(
    upload: Upload,
    file: DigestedOutgoingFile,
    job: JobContext,
    requestWith: RequestWith,
  ): Promise<Posted> {
    report(upload, { phase: 'queued' })
    log.info({ uploadId: upload.id, size: upload.size }, 'Background upload started')
    return steps.persist(upload, job.signal, async () => {
      const granted = await steps.grant(upload, job.signal)
      steps.assertNoWait(granted, upload.size, RULE)
      return job.slot(async () => {
        const folderId = await steps.placeIn(upload, granted, job.signal)
        const posted = await gateway.finish(requestWith(granted, folderId))
        const result = { ...posted, digests: await digestsOf(file) }
        return { result, library: libraryKeyOf(granted), folderId }
      })
    })
  }

  /** The file is posted: nothing that is wrong with the disk may undo that. */
  async function digestsOf(file: DigestedOutgoingFile): Promise<Digests | null> {
    try {
      return await file.digests()
    } catch (err) {
      log.warn({ uploadId: file.uploadId, err }, 'a posted file cannot be hashed')
      return null
    }
  }

  return async (upload, arriving, job) => {
    const open = () => openTransferJournal(upload.id, ledger, options)
    const journal = await onceDiskTakes(open, job.signal)
    const file = digestWhileRead(arriving, options)
    const verification = createVerification(file, options.verify, log)
    const thumbnail = createOutgoingThumbnail(upload.id, ledger, log)
    const requestWith: RequestWith = (granted, folderId) => ({
      ...RULE,
      credentials: granted,
      file,
      caption: async () =>
        captionOf({ ...upload, folderId }, await file.digests(), options.namesInCaptions),
      captionId: upload.captionId,
      kind: 'file',
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
      await sendWhileArriving(upload, arriving, job, requestWith)
      return await finish(upload, file, job, requestWith)
    } finally {
      await journal.flush()
    }
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
