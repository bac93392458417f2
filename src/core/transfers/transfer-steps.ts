import { AppError } from '../../errors.ts'
import { retry } from '../../lib/waiting/retry.ts'
import { accountWaits } from '../model/flood-wait.ts'
import type { ChannelCall } from '../ports/channel.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Upload } from '../ports/records.ts'
import type { PostRule, TelegramGateway } from '../ports/telegram.ts'
import type { ProgressEvent } from '../progress/progress-board.ts'
import { delayFor, isLeaseLost, isRetryable, isWait, usesAttempt } from './transfer-retry.ts'

export interface TransferStepsOptions {
  ledger: Pick<Ledger, 'findUpload' | 'uploadToken' | 'saveUploadFolder'>
  gateway: Pick<TelegramGateway, 'waitFor'>
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  /** How often a document is tried when it fails in a way that may pass. */
  attempts: number
  /** Milliseconds from the moment that a document is whole to giving up. */
  maxDurationMs: number
  /**
   * Resolves with the id of the folder into which the upload goes, which is made where it is missing;
   * null: the root. Rejects as the channel's calls do.
   */
  folderOf: (upload: Upload, call: ChannelCall) => Promise<string | null>
  report: (upload: Upload, event: ProgressEvent) => void
  /** Called before a wait that a failure asks for. */
  onWait?: (upload: Upload, delayMs: number) => void
  now: () => number
  log: Log
}

/** What every document on its way to Telegram needs. */
export interface TransferSteps {
  /** Credentials for the job. While the backend is down the job waits for it, holding no slot. */
  grant: (upload: Upload, signal: AbortSignal) => Promise<Credentials>
  /** Every try of a post names the same folder, also after a restart. */
  placeIn: (upload: Upload, granted: Credentials, signal: AbortSignal) => Promise<string | null>
  /** A job that has to wait for Telegram anyway does so without a slot that others could use. */
  assertNoWait: (granted: Credentials, size: number, rule: PostRule) => void
  /** Tells of a wait that a failure asks for. */
  reportWait: (upload: Upload, error: unknown, delayMs: number) => void
  /** Tries until it is done, or must be given up; rejects with the last failure then. */
  persist: <T>(upload: Upload, signal: AbortSignal, work: () => Promise<T>) => Promise<T>
}

export function createTransferSteps(options: TransferStepsOptions): TransferSteps {
  const { ledger, gateway, credentials, report, now, log } = options

  function reportWait(upload: Upload, error: unknown, delayMs: number): void {
    if (!isWait(error)) return
    report(upload, { phase: 'waiting', retryAfter: Math.ceil(delayMs / 1000) })
    options.onWait?.(upload, delayMs)
  }

  return {
    reportWait,
    assertNoWait: (granted, size, rule) => {
      const seconds = gateway.waitFor(granted, size, rule)
      if (seconds > 0) throw accountWaits(seconds)
    },
    grant: async (upload, signal) => {
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
    },
    placeIn: async ({ id, ...opened }, granted, signal) => {
      if (opened.folder.length === 0) return null
      const upload = (await ledger.findUpload(id)) ?? { id, ...opened }
      if (upload.folderId !== null) return upload.folderId
      const onWait = (retryAfter: number): void => report(upload, { phase: 'waiting', retryAfter })
      const folderId = await options.folderOf(upload, { credentials: granted, signal, onWait })
      if (folderId !== null) await ledger.saveUploadFolder(id, folderId)
      return folderId
    },
    persist: (upload, signal, work) => {
      const startedAt = now()
      return retry(work, {
        attempts: options.attempts,
        signal,
        counts: usesAttempt,
        delayFor: (error, attempt) => {
          const delay = delayFor(error, attempt)
          const late = now() + delay - startedAt > options.maxDurationMs
          if (!isRetryable(error) || isLeaseLost(error) || late) return null
          reportWait(upload, error, delay)
          log.warn({ uploadId: upload.id, attempt, delay, err: error }, 'transfer will be retried')
          return delay
        },
      })
    },
  }
}
